"""One peer in a process of its own: `python -m benchmarks.worker checkpoint|build|serve PEER MODEL FOLDER THREADS`.

`checkpoint` makes the checkpoint that all peers of the model share. `serve` answers orders, one JSON object a line:
{"batch", "sequence", "warmup", "calls", "clock"} gives the milliseconds of each call, by the clock of that name in
CLOCKS; with "outputs", the path of an .npz file, it also leaves the outputs of the last call there. The process may run
in a peer's own environment: all that is imported before the peer is numpy and light modules of the runtime.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from benchmarks.checkpoints import random_checkpoint
from benchmarks.peers import PEERS
from benchmarks.peers.peer import Run, Stall
from benchmarks.workload import Case, Model

CLOCKS = {"wall": time.perf_counter_ns, "cpu": time.process_time_ns}
"""`wall` is what a caller waits; `cpu` is the work of all threads, waiting in a loop included: for one thread only."""


def main(arguments: list[str]) -> None:
    """Build or serve; what libraries print goes to standard error, so that answers stay readable."""
    verb, peer, model, folder, threads = arguments
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    root = Path(folder)
    stall = Stall(Model.parse(model), root / model / "checkpoint", root / model / peer)
    if verb == "checkpoint":
        random_checkpoint(stall.model, stall.checkpoint)
    elif verb == "build":
        PEERS[peer].build(stall)
    else:
        run = PEERS[peer].load(stall, int(threads))
        serve(lambda order: timed(run, order), answers)


def serve(handle: Callable[[Any], Any], answers: TextIO) -> None:
    """Answer orders until standard input ends."""
    _say(answers, {"ready": True})
    for line in sys.stdin:
        _say(answers, handle(json.loads(line)))


def timed(run: Run, order: Any) -> dict[str, list[float]]:
    """The answer to an order."""
    case = Case(order["batch"], order["sequence"])
    feeds, now = case.feeds(), CLOCKS[order["clock"]]
    for _ in range(order["warmup"]):
        run(feeds)
    milliseconds = []
    for _ in range(order["calls"]):
        began = now()
        outputs = run(feeds)
        milliseconds.append(round((now() - began) / 1e6, 4))
    if order.get("outputs"):
        np.savez(order["outputs"], *outputs)
    return {"milliseconds": milliseconds}


def _say(answers: TextIO, value: Any) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
