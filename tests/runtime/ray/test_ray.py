"""A real local Ray: the rows of the local engine, whatever dies in the middle. `make test-ray` has Ray installed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.spoilt import NOT_A_NUMBER, spoil

import bert_runtime.ray
import bert_runtime.table
from bert_runtime.errors import InputError
from bert_runtime.ray import datasets

ray = pytest.importorskip("ray")
ray_data = pytest.importorskip("ray.data")
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
    with pytest.MonkeyPatch.context() as patch:
        # On a busy machine, workers of niceness 15 start too late to be taken.
        patch.setenv("RAY_worker_niceness", "0")
        ray.init(num_cpus=4, include_dashboard=False, object_store_memory=2**28, log_to_driver=False)
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
    cluster: None, source: Path, expected: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "killed"

    class Mortal(datasets.Answerer):
        """The first actor that is given a second block dies while it answers it, as by the kernel's killer."""

        def __call__(self, batch: Any) -> Any:
            found = super().__call__(batch)
            self.blocks = getattr(self, "blocks", 0) + 1
            with contextlib.suppress(FileExistsError):
                if self.blocks == 2:
                    os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
                    os.kill(os.getpid(), signal.SIGKILL)
            return found

    monkeypatch.setattr(datasets, "Answerer", Mortal)
    assert_same_rows(answer(source, tmp_path / "out"), expected)
    assert mark.exists(), "no actor was killed"


def test_what_a_cluster_has_no_room_for_is_refused(cluster: None, source: Path) -> None:
    dataset = ray_data.read_parquet(str(source))
    with pytest.raises(InputError, match=r"the cluster has 4 CPUs .* expected 5 CPUs \(4 x 1, and 1 to read and write"):
        bert_runtime.ray.predict(dataset, BUNDLE, text="body", workers=bert_runtime.ray.Workers(count=4))
    with pytest.raises(InputError, match=r"dataset is a Table, expected a ray.data.Dataset"):
        bert_runtime.ray.predict(arrow.table({"text": ["a"]}), BUNDLE)


SLOW = """
import time
from bert_runtime.ray import datasets
class Slow(datasets.Answerer):
    def __call__(self, batch):
        time.sleep(3)
        return super().__call__(batch)
datasets.Answerer = Slow
"""
"""Actors that take long enough for the driver to be killed between two blocks."""


def command(bundle: Path, *arguments: object, before: str = "") -> subprocess.Popen[bytes]:
    """`bert-run` as a driver of its own on the cluster; `before`: code that runs first."""
    script = f"import sys\n{before}\nfrom bert_runtime.cli import main\nsys.exit(main(sys.argv[1:]))"
    line = [sys.executable, "-c", script, str(bundle), "--engine", "ray", *map(str, arguments)]
    address = ray.get_runtime_context().gcs_address
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "runtime"), "RAY_ADDRESS": address}
    return subprocess.Popen(line, env=environment, stderr=subprocess.PIPE, start_new_session=True)


def test_a_poisoned_row_is_in_the_side_file_and_all_others_are_answered(cluster: None, tmp_path: Path) -> None:
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


def test_a_driver_that_is_killed_goes_on_where_ray_noted_it(
    cluster: None, source: Path, expected: Any, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    flags: tuple[Any, ...] = ("--input", source, "--output", output, "--text-column", "body", "--id-column", "id")
    process = command(BUNDLE, *flags, before=SLOW)
    while process.poll() is None and not len(list(output.glob("*.parquet"))) >= 3:
        time.sleep(0.05)
    assert process.poll() is None, f"the driver ended before it was killed: {process.communicate()[1].decode()}"
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = {path.name for path in output.glob("*.parquet")}
    refused = command(BUNDLE, *flags)
    assert "exists already; go on with --resume" in refused.communicate(timeout=300)[1].decode()
    again = command(BUNDLE, *flags, "--resume")
    told = again.communicate(timeout=600)[1].decode()
    assert again.returncode == 0, told
    assert done & {path.name for path in output.glob("*.parquet")}, "what Ray has noted is not written again"
    assert_same_rows(parquet.read_table(output), expected)
