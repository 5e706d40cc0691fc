"""A real local Ray: the rows of the local engine, whatever dies in the middle. `make test-ray` has Ray installed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.spoilt import NOT_A_NUMBER, spoil

import bert_runtime.ray
import bert_runtime.table
from bert_runtime.errors import InputError

ray = pytest.importorskip("ray")
ray_data = pytest.importorskip("ray.data")
psutil = pytest.importorskip("psutil")
arrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

pytestmark = pytest.mark.xdist_group("ray")

ROOT = Path(__file__).parents[3]
BUNDLE = ROOT / "tests/golden/v1/text-classification"
COUNT, FILES = 20_000, 8


def texts(seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(["the", "good", "film", "bad", "a"], k=rng.randint(0, 20))) for _ in range(COUNT)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ray") / "in"
    folder.mkdir()
    table = arrow.table({"id": range(COUNT), "body": texts(3)})
    for i in range(FILES):
        parquet.write_table(table.slice(i * COUNT // FILES, COUNT // FILES), folder / f"{i}.parquet")
    return folder


@pytest.fixture(scope="module")
def expected(source: Path) -> Any:
    return bert_runtime.table.predict(parquet.read_table(source), BUNDLE, text="body").sort_by("id")


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init(num_cpus=3, include_dashboard=False, object_store_memory=2**28, log_to_driver=False)
    yield
    ray.shutdown()


def assert_same_rows(found: Any, expected: Any) -> None:
    """Every row once, with the same answer."""
    found = found.sort_by("id")
    assert found.column("id").to_pylist() == expected.column("id").to_pylist()
    assert found.column("label").to_pylist() == expected.column("label").to_pylist()
    assert found.column("score").to_pylist() == pytest.approx(expected.column("score").to_pylist(), abs=1e-6)


def answer(source: Path, output: Path) -> Any:
    dataset = ray_data.read_parquet(str(source), override_num_blocks=FILES)
    workers = bert_runtime.ray.Workers(count=2, rows=512)
    bert_runtime.ray.predict(dataset, BUNDLE, text="body", workers=workers).write_parquet(str(output))
    return parquet.read_table(output)


def test_twenty_thousand_rows_are_those_of_the_local_engine(
    cluster: None, source: Path, expected: Any, tmp_path: Path
) -> None:
    assert_same_rows(answer(source, tmp_path / "out"), expected)


def test_an_actor_that_is_killed_loses_nothing_and_repeats_nothing(
    cluster: None, source: Path, expected: Any, tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill() -> None:
        while not killed:
            own = psutil.Process().children(recursive=True)
            busy = [each for each in own if "Answerer" in " ".join(each.cmdline()) and each.cpu_times().user > 2]
            if busy:
                busy[0].kill()
                killed.append(busy[0].pid)
            time.sleep(0.05)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    assert_same_rows(answer(source, tmp_path / "out"), expected)
    thread.join(timeout=1)
    assert killed, "no actor was there to be killed"


def test_what_a_cluster_has_no_room_for_is_refused(cluster: None, source: Path) -> None:
    dataset = ray_data.read_parquet(str(source))
    with pytest.raises(InputError, match=r"the cluster has 3 CPUs .* expected 4 CPUs \(3 x 1, and 1 to read and write"):
        bert_runtime.ray.predict(dataset, BUNDLE, text="body", workers=bert_runtime.ray.Workers(count=3))
    with pytest.raises(InputError, match=r"dataset is a Table, expected a ray.data.Dataset"):
        bert_runtime.ray.predict(arrow.table({"text": ["a"]}), BUNDLE)


def command(bundle: Path, *arguments: object) -> subprocess.Popen[bytes]:
    begin = "import ray, sys; ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)"
    end = "from bert_runtime.cli import main; sys.exit(main(sys.argv[1:]))"
    line = [sys.executable, "-c", f"{begin}; {end}", str(bundle), "--engine", "ray", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "runtime"), "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    return subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, start_new_session=True)


def test_a_poisoned_row_is_in_the_side_file_and_all_others_are_answered(tmp_path: Path) -> None:
    bundle = spoil("text-classification", tmp_path / "bundle")
    rows = [{"id": i, "text": NOT_A_NUMBER if i == 700 else "a good film"} for i in range(1000)]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "in.parquet")
    flags = ("--input", tmp_path / "in.parquet", "--output", tmp_path / "out")
    process = command(bundle, *flags, "--errors", "skip")
    _, told = process.communicate(timeout=300)
    assert (process.returncode, b"1 of 1000 lines skipped" in told) == (3, True)
    (bad,) = [json.loads(line) for line in (tmp_path / "out/_bad_rows.jsonl").read_text().splitlines()]
    assert (bad["id"], bad["code"]) == (700, "engine")
    table = parquet.read_table(tmp_path / "out").sort_by("id")
    assert table.column("id").to_pylist() == list(range(1000))
    assert [i for i, label in enumerate(table.column("label").to_pylist()) if label is None] == [700]


def test_a_driver_that_is_killed_goes_on_where_ray_noted_it(source: Path, expected: Any, tmp_path: Path) -> None:
    output = tmp_path / "out"
    flags: tuple[Any, ...] = ("--input", source, "--output", output, "--text-column", "body", "--id-column", "id")
    process = command(BUNDLE, *flags)
    while process.poll() is None and not len(list(output.glob("*.parquet"))) >= 2:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = {path.name for path in output.glob("*.parquet")}
    refused = command(BUNDLE, *flags)
    assert "exists already; go on with --resume" in refused.communicate(timeout=300)[1].decode()
    again = command(BUNDLE, *flags, "--resume")
    told = again.communicate(timeout=600)[1].decode()
    assert again.returncode == 0, told
    assert done, "nothing was written before the kill"
    assert_same_rows(parquet.read_table(output), expected)
