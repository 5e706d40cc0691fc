"""Peers against each other: every one in its own process, all loaded, one running at a time, in interleaved rounds."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from benchmarks.peers import PEERS, ROUGH
from benchmarks.summary import best
from benchmarks.workload import Case, Model

TOLERANCE = 1e-3
"""Largest difference between a peer's outputs and the baseline's, relative to the largest of these: a faster wrong
answer wins nothing. Peers of reduced precision have a tolerance of their own: ROUGH."""


@dataclass(frozen=True)
class Plan:
    """How long a race is: `rounds`, and in each about `turn` milliseconds for each peer, at most `calls` calls.

    `clock` is wall, or cpu for the CPU time of the process: with one thread, what neighbours do hardly moves it.
    """

    rounds: int = 15
    turn: float = 300.0
    calls: int = 20
    clock: str = "wall"


class Worker:
    """A peer's process, loaded and waiting; use it in `with`."""

    def __init__(self, peer: str, model: Model, folder: Path, threads: int) -> None:
        """Start the process and wait until it is ready; raises RuntimeError where it is not."""
        self.peer = peer
        command = _command("serve", peer, model, folder, threads)
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._answer()

    def time(self, case: Case, calls: int, clock: str = "wall", outputs: Path | None = None) -> list[float]:
        """Milliseconds of each of `calls` calls, after two that are not counted."""
        order = {"batch": case.batch, "sequence": case.sequence, "warmup": 2, "calls": calls, "clock": clock}
        assert self._process.stdin is not None
        print(json.dumps(order | ({"outputs": str(outputs)} if outputs else {})), file=self._process.stdin, flush=True)
        milliseconds: list[float] = self._answer()["milliseconds"]
        return milliseconds

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.peer}: the process ended with {self._process.wait()}; its errors are above")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


def build(peers: Sequence[str], model: Model, folder: Path) -> None:
    """Make the artefacts that are missing or were made by another version, each in its own process."""
    for peer in peers:
        stall = folder / model.name / peer
        stamp = stall / "built-by"
        if stamp.exists() and stamp.read_text(encoding="utf-8") == PEERS[peer].version:
            continue
        shutil.rmtree(stall, ignore_errors=True)
        stall.mkdir(parents=True)
        print(f"building {model.name} for {PEERS[peer].name}", file=sys.stderr, flush=True)
        subprocess.run(_command("build", peer, model, folder, 0), check=True, stdout=subprocess.DEVNULL)
        stamp.write_text(PEERS[peer].version, encoding="utf-8")


@contextlib.contextmanager
def started(peers: Sequence[str], model: Model, folder: Path, threads: int) -> Iterator[dict[str, Worker]]:
    """A worker for each peer; all of them end with the block."""
    with contextlib.ExitStack() as stack:
        yield {peer: stack.enter_context(Worker(peer, model, folder, threads)) for peer in peers}


def race(workers: Mapping[str, Worker], case: Case, plan: Plan) -> dict[str, list[list[float]]]:
    """Peer -> round -> milliseconds of each call. The order of the peers is shuffled anew for each round."""
    calls = {}
    for peer, worker in workers.items():
        once = best([worker.time(case, 2, plan.clock)])
        calls[peer] = int(min(plan.calls, max(2, plan.turn / once)))
    rounds: dict[str, list[list[float]]] = {peer: [] for peer in workers}
    order, shuffle = list(workers), random.Random(0)
    for _ in range(plan.rounds):
        shuffle.shuffle(order)
        for peer in order:
            rounds[peer].append(workers[peer].time(case, calls[peer], plan.clock))
    return rounds


def differences(workers: Mapping[str, Worker], case: Case, baseline: str, folder: Path) -> dict[str, float]:
    """Peer -> the largest difference of its outputs from the baseline's, relative to the largest of these.

    Raises:
        RuntimeError: a peer's outputs differ by more than its tolerance, or in number or shape.
    """
    found: dict[str, list[Any]] = {}
    for peer, worker in workers.items():
        path = folder / f"{peer}.npz"
        worker.time(case, 1, outputs=path)
        with np.load(path) as archive:
            found[peer] = [archive[name] for name in archive.files]
    expected = found[baseline]
    worst = {peer: _difference(expected, outputs) for peer, outputs in found.items()}
    wrong = [f"{peer} by {value:.1e}" for peer, value in worst.items() if not value <= ROUGH.get(peer, TOLERANCE)]
    if wrong:
        raise RuntimeError(f"{case.name}: outputs differ from {baseline}'s: {', '.join(wrong)}; nothing was timed")
    return worst


def _difference(expected: Sequence[Any], got: Sequence[Any]) -> float:
    if [array.shape for array in expected] != [array.shape for array in got]:
        return float("inf")
    pairs = zip(expected, got, strict=True)
    return max(float(np.abs(one - other).max() / np.abs(one).max()) for one, other in pairs)


def _command(verb: str, peer: str, model: Model, folder: Path, threads: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.worker", verb, peer, model.name, str(folder), str(threads)]
