"""Bulk work from file to file: `python -m benchmarks.bulk_engines BUNDLE [--texts 4000] [--streamed 1000000]`.

Every way is the command in a process of its own, over the same mixed texts, in turns: JSON Lines to JSON Lines, and
Parquet to Parquet. `--checkpoint DIR` adds the pipeline of transformers in batches of 8 over the same texts. Seconds
are those of the whole process, loading among them; `load` is a run over one row. `--ray PYTHON` adds `bulk_ray` by an
interpreter that has Ray. The stream is 1,000,000 rows of Parquet through the smallest golden bundle.

Measurements: {"texts", "load": seconds, "ways": {way: [seconds, ...]}, "ray": what `bulk_ray` prints, "stream":
{"rows", "seconds", "early": bytes, "late": bytes}}: `early` is the most resident memory up to the first tenth of the
rows, `late` that afterwards.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results import save
from benchmarks.texts import mixed

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests/golden/v1/text-classification"
BATCH = 8
Way = Callable[[], None]


def table(path: Path, texts: Sequence[str]) -> None:
    """The texts with their places, in Parquet."""
    arrow, parquet = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    parquet.write_table(arrow.table({"id": range(len(texts)), "text": list(texts)}), path)


def lines(path: Path, texts: Sequence[str]) -> None:
    """The same in JSON Lines."""
    rows = (json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts))
    path.write_text("".join(rows), encoding="utf-8")


def command(bundle: Path, source: Path, target: Path) -> list[str]:
    """`bert-run` of this tree."""
    files = ["--input", str(source), "--output", str(target), "--text-column", "text"]
    return [sys.executable, "-m", "bert_runtime.cli", str(bundle), *files]


def run(line: Sequence[str]) -> None:
    """A process to its end."""
    subprocess.run(line, check=True, env={**os.environ, "PYTHONPATH": str(ROOT / "runtime")})


def pipeline(checkpoint: Path, source: Path, threads: int) -> Way:
    """transformers' own, in batches over the texts of a file; loaded once, before the first round."""
    torch, transformers = importlib.import_module("torch"), importlib.import_module("transformers")
    torch.set_num_threads(threads)
    made: Any = transformers.pipeline("text-classification", model=str(checkpoint), batch_size=BATCH)

    def answer() -> None:
        texts = (json.loads(line)["text"] for line in source.open(encoding="utf-8"))
        for _ in made(texts, truncation=True):
            pass

    return answer


def ways(bundle: Path, folder: Path, texts: Sequence[str], parsed: argparse.Namespace) -> dict[str, Way]:
    """Every way that is compared."""
    lines(folder / "in.jsonl", texts)
    table(folder / "in.parquet", texts)

    def of(name: str) -> Way:
        return lambda: run(command(bundle, folder / f"in.{name}", folder / f"out.{name}"))

    found = {"JSON Lines": of("jsonl"), "Parquet": of("parquet")}
    if parsed.checkpoint:
        found[f"transformers pipeline, batches of {BATCH}"] = pipeline(
            parsed.checkpoint, folder / "in.jsonl", parsed.threads
        )
    return found


def on_ray(bundle: Path, folder: Path, parsed: argparse.Namespace) -> Mapping[str, Any]:
    """What `bulk_ray` prints."""
    line = [parsed.ray, "-m", "benchmarks.bulk_ray", bundle, folder / "in.parquet", "--rounds", parsed.rounds]
    # Ray gives its workers niceness 15, which would measure what else the machine does.
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "runtime"), "RAY_worker_niceness": "0"}
    done = subprocess.run([*map(str, line)], check=True, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    found: Mapping[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def resident(process: int) -> int:
    """Bytes of a process that are in memory; 0 where it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0)


def streamed(folder: Path, rows: int) -> Mapping[str, Any]:
    """Memory while many rows pass; how many have is read from the run's own checkpoint."""
    table(folder / "many.parquet", [f"the good film {i % 97}" for i in range(rows)])
    line = command(TINY, folder / "many.parquet", folder / "answers.parquet")
    began, early, late, done = time.perf_counter(), 0, 0, 0
    with subprocess.Popen(line, env={**os.environ, "PYTHONPATH": str(ROOT / "runtime")}) as process:
        while process.poll() is None:
            time.sleep(0.5)
            notes = [path.read_text(encoding="utf-8") for path in folder.glob(".answers*.resume") if path.exists()]
            done = max([done, *(int(json.loads(note)["rows"]) for note in notes if note)])
            if done <= rows // 10:
                early = max(early, resident(process.pid))
            else:
                late = max(late, resident(process.pid))
    if process.returncode:
        raise SystemExit(f"the stream ended with {process.returncode}, expected 0")
    return {"rows": rows, "seconds": round(time.perf_counter() - began, 1), "early": early, "late": late}


def timed(way: Way) -> float:
    """Seconds of one run."""
    began = time.perf_counter()
    way()
    return round(time.perf_counter() - began, 3)


def measure(parsed: argparse.Namespace, folder: Path) -> Mapping[str, Any]:
    """All ways in turn, `rounds` times, then the stream."""
    texts = mixed(parsed.texts)
    compared = ways(parsed.bundle, folder, texts, parsed)
    seconds: dict[str, list[float]] = {name: [] for name in compared}
    lines(folder / "one.jsonl", texts[:1])
    load = min(
        timed(lambda: run(command(parsed.bundle, folder / "one.jsonl", folder / "one-out.jsonl"))) for _ in range(3)
    )
    for _ in range(parsed.rounds):
        for name, way in compared.items():
            seconds[name].append(timed(way))
            print(f"{name:40} {seconds[name][-1]:8.2f} s", file=sys.stderr, flush=True)
    found: dict[str, Any] = {"texts": len(texts), "load": load, "ways": seconds}
    if parsed.ray:
        found["ray"] = on_ray(parsed.bundle, folder, parsed)
    if parsed.streamed:
        found["stream"] = streamed(folder, parsed.streamed)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("bundle", type=Path)
    flags.add_argument("--subject", default="text-classification-minilm-l6")
    flags.add_argument("--checkpoint", type=Path)
    flags.add_argument("--ray", metavar="PYTHON")
    flags.add_argument("--texts", type=int, default=4000)
    flags.add_argument("--rounds", type=int, default=3)
    flags.add_argument("--threads", type=int, default=2)
    flags.add_argument("--streamed", type=int, default=1_000_000)
    parsed = flags.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(parsed, Path(folder))
    print(save("bulk_engines", parsed.subject, parsed.threads, found), file=sys.stderr)


if __name__ == "__main__":
    main()
