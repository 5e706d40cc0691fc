"""A run that was killed goes on after what is whole: nothing twice, nothing lost, in order."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bert_runtime.cli.data.checkpoint import Checkpoint, Mark

parquet = pytest.importorskip("pyarrow.parquet")

BUNDLE = Path(__file__).parents[3] / "golden/v1/text-classification"
COUNT = 20_000
SLOW = ("--max-batch-size", "2", "--threads", "1", "--mode", "latency")
"""Flags that make a run long enough to be killed in its middle."""

Start = Callable[..., "subprocess.Popen[bytes]"]
Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of many lengths, some of them bad or blank."""
    path = tmp_path_factory.mktemp("resume") / "in.jsonl"
    words = ["the", "good", "film", "bad", "a"]
    rng = random.Random(5)
    with path.open("w") as file:
        for i in range(COUNT):
            text: object = " ".join(rng.choices(words, k=rng.randint(1, 20)))
            file.write("\n" if i % 997 == 5 else json.dumps({"id": i, "text": 7 if i % 1501 == 3 else text}) + "\n")
    return path


def checkpoint(folder: Path) -> Path | None:
    return next(folder.glob(".*.resume"), None)


def kill_in_the_middle(process: subprocess.Popen[bytes], folder: Path, rng: random.Random) -> None:
    """End it by SIGKILL some time after it made a checkpoint of its own."""
    began, before = time.monotonic(), (path := checkpoint(folder)) and path.stat().st_mtime_ns
    while process.poll() is None and time.monotonic() - began < 60:
        path = checkpoint(folder)
        if path is not None and path.stat().st_mtime_ns != before:
            break
        time.sleep(0.01)
    time.sleep(rng.random() * 0.15)
    process.kill()
    process.communicate()


@pytest.mark.parametrize("suffix", ["jsonl", "parquet", pytest.param("csv.gz", marks=pytest.mark.slow)])
def test_a_run_that_is_killed_again_and_again_ends_as_one_that_is_not(
    start: Start, source: Path, suffix: str, tmp_path: Path
) -> None:
    def run(folder: Path, *more: str) -> subprocess.Popen[bytes]:
        output = folder / f"out.{suffix}"
        flags = ("--input", source, "--output", output, "--text-column", "text", "--errors", "skip", *SLOW, *more)
        return start("bert-run", BUNDLE, *flags)

    killed, whole = tmp_path / "killed", tmp_path / "whole"
    killed.mkdir()
    whole.mkdir()
    rng = random.Random(suffix)
    kill_in_the_middle(run(killed), killed, rng)
    marks = [found(killed)]
    for _ in range(2):
        kill_in_the_middle(run(killed, "--resume"), killed, rng)
        marks.append(found(killed))
    assert all(before.rows < after.rows < COUNT for before, after in itertools.pairwise(marks))
    last = run(killed, "--resume")
    _, told = last.communicate(timeout=300)
    assert (last.returncode, f"resumed after row {marks[-1].rows}" in told.decode()) == (3, True)
    once = run(whole)
    assert (once.communicate(timeout=300) and once.returncode) == 3
    assert [path.name for path in killed.iterdir()] == [f"out.{suffix}"]
    first, second = (folder / f"out.{suffix}" for folder in (killed, whole))
    if suffix == "parquet":
        assert parquet.read_table(first).equals(parquet.read_table(second))
        assert parquet.ParquetFile(first).metadata.num_rows == COUNT
    elif suffix == "jsonl":
        assert first.read_bytes() == second.read_bytes()
    else:
        import gzip

        assert gzip.decompress(first.read_bytes()) == gzip.decompress(second.read_bytes())


def found(folder: Path) -> Mark:
    path = checkpoint(folder)
    mark = Checkpoint(path).read() if path is not None else None
    assert mark is not None
    return mark


def test_after_an_interrupt_the_part_is_resumed_too(start: Start, source: Path, tmp_path: Path) -> None:
    flags: tuple[Any, ...] = (
        "--input",
        source,
        "--output",
        tmp_path / "out.jsonl",
        "--allow-extra",
        "--errors",
        "skip",
    )
    process = start("bert-run", BUNDLE, *flags, *SLOW)
    while checkpoint(tmp_path) is None and process.poll() is None:
        time.sleep(0.01)
    process.terminate()
    assert "what was answered before is in" in process.communicate()[1].decode()
    mark = found(tmp_path)
    again = start("bert-run", BUNDLE, *flags, *SLOW, "--resume")
    told = again.communicate(timeout=300)[1].decode()
    assert (again.returncode, f"resumed after row {mark.rows}" in told) == (3, True)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    bad = [json.loads(line)["line"] for line in lines if '"error"' in line]
    assert (len(lines), bad) == (COUNT, [i + 1 for i in range(COUNT) if i % 1501 == 3])
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_another_input_or_other_options_resume_nothing(
    shell: Shell, start: Start, source: Path, tmp_path: Path
) -> None:
    own = tmp_path / "in.jsonl"
    own.write_bytes(source.read_bytes())
    flags = ("--input", own, "--output", tmp_path / "out.jsonl", "--allow-extra", "--errors", "skip")
    kill_in_the_middle(start("bert-run", BUNDLE, *flags, *SLOW), tmp_path, random.Random(1))
    own.write_text('{"text": "a"}\n')
    code, _, told = shell("bert-run", BUNDLE, *flags, *SLOW, "--resume")
    assert (code, "nothing to resume" in told) == (0, True)
    assert "another bundle, input or options" in told
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
