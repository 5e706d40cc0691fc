"""Ray Data beside the local engine: `PYTHON -m benchmarks.bulk_ray BUNDLE TEXTS.parquet`, where PYTHON has Ray.

`benchmarks.bulk_engines --ray PYTHON` runs it. All ways answer the same texts in turns, in one cluster. Start-up stands
by itself: the seconds from the call to the first block that an actor is given, loading included. Rows/s are those of
all blocks, from the first one's begin to the last one's end. The null model has an engine that computes nothing.

Prints {"ways": {way: [rows/s, ...]}, "cpu": {way: [rows per second of the CPU, ...]}, "start": {way: [seconds, ...]},
"bytes_a_row": number}. Other work on the machine changes rows/s, and rows per second of the CPU much less. The bytes
are those of an answer in the object store.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import bert_runtime
import bert_runtime.table
from bert_runtime.options import Options
from bert_runtime.ray import Workers, datasets, predict

ROWS = 500
"""Of a block: so small that two actors end at about the same time."""

REPEATED = 8
"""The null model answers the texts so many times over: it is fast."""

LOCAL, NULL = "local", "null model, Ray, one actor of 1 CPU"
WAYS = {
    "Ray, one actor of 1 CPU": Workers(count=1, cpus=1, rows=ROWS),
    "Ray, two actors of 1 CPU": Workers(count=2, cpus=1, rows=ROWS),
    "Ray, one actor of 2 CPUs": Workers(count=1, cpus=2, rows=ROWS),
}


class Timed(datasets.Answerer):
    """An actor that says of each block when it began and ended, and of each row what it took of the CPU."""

    def __call__(self, batch: Any) -> Any:
        """The answers, and three columns more."""
        began, used = time.time(), time.process_time()
        found = super().__call__(batch)
        arrow = importlib.import_module("pyarrow")
        share = (time.process_time() - used) / max(found.num_rows, 1)
        for name, value in (("began", began), ("ended", time.time()), ("cpu", share)):
            found = found.append_column(name, arrow.array([value] * found.num_rows))
        return found


class Null(Timed):
    """An actor whose engine gives zeros: all the rest of its work is left."""

    def __init__(self, bundle: str, options: Options, asked: Any) -> None:
        super().__init__(bundle, options, asked)
        labels = self._session.record.sizes["labels"]
        engine: Any = self._session.engine
        engine.run = lambda feeds, names: {
            name: np.zeros((len(feeds["input_ids"]), labels), np.float32) for name in names
        }


@dataclass(frozen=True)
class Rate:
    """What one way did: rows/s, rows per second of the CPU, seconds until the first block, and bytes of an answer."""

    rows: float
    cpu: float
    start: float | None = None
    size: float = 0.0


def on_ray(bundle: Path, source: Any, workers: Workers, actor: type[Timed] = Timed) -> Rate:
    """Through actors."""
    ray = importlib.import_module("ray")
    datasets.Answerer = actor  # type: ignore[misc]  # what `predict` starts
    called = time.time()
    blocks = list(
        predict(ray.data.from_arrow(source), bundle, workers=workers).iter_batches(
            batch_size=None, batch_format="pyarrow"
        )
    )
    rows = sum(block.num_rows for block in blocks)
    began = min(block.column("began")[0].as_py() for block in blocks)
    ended = max(block.column("ended")[-1].as_py() for block in blocks)
    cpu = sum(sum(block.column("cpu").to_pylist()) for block in blocks)
    size = sum(block.drop_columns(["began", "ended", "cpu"]).nbytes for block in blocks) / rows
    return Rate(rows / (ended - began), rows / cpu, began - called, size)


def locally(session: Any, source: Any) -> Rate:
    """In this process."""
    began, used = time.perf_counter(), time.process_time()
    bert_runtime.table.predict(source, session)
    rows = source.num_rows
    return Rate(rows / (time.perf_counter() - began), rows / (time.process_time() - used))


def measure(bundle: Path, source: Any, rounds: int) -> dict[str, Any]:
    """All ways in turns."""
    arrow, ray = importlib.import_module("pyarrow"), importlib.import_module("ray")
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    found: dict[str, Any] = {"ways": {}, "cpu": {}, "start": {}, "bytes_a_row": 0.0}
    with bert_runtime.load(bundle, options=Options(mode="throughput", threads=2)) as session:
        locally(session, source.slice(0, ROWS))
        for _ in range(rounds):
            _keep(found, LOCAL, locally(session, source))
            for name, workers in WAYS.items():
                rate = on_ray(bundle, source, workers)
                _keep(found, name, rate)
                found["bytes_a_row"] = round(rate.size, 1)
            many = arrow.concat_tables([source] * REPEATED)
            _keep(found, NULL, on_ray(bundle, many, WAYS["Ray, one actor of 1 CPU"], Null))
    return found


def _keep(found: dict[str, Any], name: str, rate: Rate) -> None:
    found["ways"].setdefault(name, []).append(round(rate.rows, 1))
    found["cpu"].setdefault(name, []).append(round(rate.cpu, 1))
    if rate.start is not None:
        found["start"].setdefault(name, []).append(round(rate.start, 2))
    print(f"{name:36} {rate.rows:10.1f} rows/s {rate.cpu:10.1f} a CPU second", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("bundle", type=Path)
    flags.add_argument("texts", type=Path)
    flags.add_argument("--rounds", type=int, default=3)
    parsed = flags.parse_args(arguments)
    source = importlib.import_module("pyarrow.parquet").read_table(parsed.texts)
    print(json.dumps(measure(parsed.bundle.resolve(), source, parsed.rounds)))


if __name__ == "__main__":
    main()
