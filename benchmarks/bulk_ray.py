"""Ray Data beside the local engine: `PYTHON -m benchmarks.bulk_ray BUNDLE TEXTS.parquet`, where PYTHON has Ray.

`benchmarks.bulk_engines --ray PYTHON` runs it. All ways answer the same texts in turns, in one cluster. Start-up stands
by itself: the seconds from the call to the first block that an actor is given, loading included. Rows/s are those of
all blocks, from the first one's begin to the last one's end. The null model has an engine that computes nothing.

Prints {"ways": {way: [rows/s, ...]}, "start": {way: [seconds, ...]}, "bytes_a_row": number}; the last are those of an
answer in the object store.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Sequence
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
    """An actor that says of each block when it began and ended."""

    def __call__(self, batch: Any) -> Any:
        """The answers, and two columns more."""
        began = time.time()
        found = super().__call__(batch)
        arrow = importlib.import_module("pyarrow")
        for name, moment in (("began", began), ("ended", time.time())):
            found = found.append_column(name, arrow.array([moment] * found.num_rows))
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


def on_ray(bundle: Path, source: Any, workers: Workers, actor: type[Timed] = Timed) -> tuple[float, float, float]:
    """Rows/s, seconds until the first block, and bytes of an answer."""
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
    return rows / (ended - began), began - called, sum(block.nbytes for block in blocks) / rows


def locally(session: Any, source: Any) -> float:
    """Rows/s."""
    began = time.perf_counter()
    bert_runtime.table.predict(source, session)
    return float(source.num_rows / (time.perf_counter() - began))


def measure(bundle: Path, source: Any, rounds: int) -> dict[str, Any]:
    """All ways in turns."""
    arrow, ray = importlib.import_module("pyarrow"), importlib.import_module("ray")
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False)
    found: dict[str, Any] = {"ways": {}, "start": {}, "bytes_a_row": 0.0}
    with bert_runtime.load(bundle, options=Options(mode="throughput", threads=2)) as session:
        locally(session, source.slice(0, ROWS))
        for _ in range(rounds):
            _keep(found, LOCAL, locally(session, source))
            for name, workers in WAYS.items():
                rate, start, found["bytes_a_row"] = on_ray(bundle, source, workers)
                _keep(found, name, rate, start)
            many = arrow.concat_tables([source] * REPEATED)
            _keep(found, NULL, *on_ray(bundle, many, WAYS["Ray, one actor of 1 CPU"], Null)[:2])
    return found


def _keep(found: dict[str, Any], name: str, rate: float, start: float | None = None) -> None:
    found["ways"].setdefault(name, []).append(round(rate, 1))
    if start is not None:
        found["start"].setdefault(name, []).append(round(start, 2))
    print(f"{name:36} {rate:10.1f} rows/s", file=sys.stderr, flush=True)


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
