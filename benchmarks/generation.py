"""Cost of a token while a text grows: `python -m benchmarks.generation [--rounds N] [--threads N]`.

One text, batch 1, greedy. Measurements: for each writer {"writer", "prompt", "new", "rounds"}: milliseconds of each new
token by round. Writers run in turn, each in a process of its own; all must write the same tokens. The page
(`benchmarks.page`) draws the cost of a token over the tokens before it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.latency import WORK
from benchmarks.machine import this_machine
from benchmarks.race import build
from benchmarks.results import save
from benchmarks.summary import typical
from benchmarks.workload import VOCABULARY, Model
from benchmarks.writers import WRITERS, Written, serve

MODEL = Model("text-generation", "minilm-l6")
PROMPT = 16
SHORT, LONG, WARM_UP = 256, 490, 8
"""New tokens: of every writer, of ours for the growth, and of every writer before anything is timed."""
OURS = "bert-export"


def measure(threads: int, rounds: int) -> list[dict[str, Any]]:
    """Let every writer write, in turn; raises RuntimeError where texts differ."""
    build(["bert-export"], MODEL, WORK)
    folder = WORK / MODEL.name
    ids = np.random.default_rng(0).integers(1000, VOCABULARY, size=PROMPT).tolist()
    jobs = [*((name, SHORT) for name in WRITERS), (OURS, LONG)]
    times: dict[tuple[str, int], list[list[float]]] = {job: [] for job in jobs}
    texts: dict[str, list[int]] = {}
    with _started(folder, threads) as writers:
        for writer in writers.values():
            _written(writer, ids, WARM_UP)
        for _ in range(rounds):
            for (name, count), found in times.items():
                texts[name], milliseconds = _written(writers[name], ids, count)
                found.append(milliseconds)
    if len({tuple(text[:SHORT]) for text in texts.values()}) > 1:
        raise RuntimeError("the writers wrote different texts, expected the same tokens of all")
    return [{"writer": name, "prompt": PROMPT, "new": count, "rounds": found} for (name, count), found in times.items()]


def _written(writer: Connection, ids: list[int], count: int) -> Written:
    writer.send((ids, count))
    written: Written = writer.recv()
    return written


@contextmanager
def _started(folder: Path, threads: int) -> Iterator[dict[str, Connection]]:
    """Each writer's pipe, once all are loaded."""
    context = multiprocessing.get_context("spawn")
    pipes = {}
    for name in WRITERS:
        pipes[name], theirs = context.Pipe()
        bundle = folder / "bert-export" if name != "transformers generate" else folder
        context.Process(target=serve, args=(name, bundle, threads, theirs), daemon=True).start()
        theirs.close()
    try:
        for pipe in pipes.values():
            pipe.recv()
        yield pipes
    finally:
        for pipe in pipes.values():
            pipe.send(None)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--rounds", type=int, default=5)
    flags.add_argument("--threads", type=int, default=min(2, this_machine().cpus))
    parsed = flags.parse_args(arguments)
    measurements = measure(parsed.threads, parsed.rounds)
    path = save("generation", "minilm-l6", parsed.threads, measurements)
    for each in measurements:
        sums = [[sum(milliseconds) / each["new"]] for milliseconds in each["rounds"]]
        print(f"{each['writer']:26} {each['new']:4} tokens: {typical(sums):7.2f} ms each", file=sys.stderr)
    print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
