"""Peers against each other: every one in its own process, all loaded, one running at a time, in interleaved rounds."""

from __future__ import annotations

import contextlib
import functools
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from benchmarks.environments import EnvironmentMissingError, variables
from benchmarks.peers import ELSEWHERE, PEERS, ROUGH
from benchmarks.summary import best
from benchmarks.workload import Case, Model

TOLERANCE = 1e-3
"""Largest difference between a peer's outputs and the baseline's, relative to the largest of these: a faster wrong
answer wins nothing. Peers of reduced precision have a tolerance of their own: ROUGH."""
FEWEST = 3
"""Rounds that a race has whatever its limit, if it has been given as many: fewer have no quartiles."""


@dataclass(frozen=True)
class Plan:
    """How long a race is: `rounds`, and in each about `turn` milliseconds for each peer, at most `calls` calls; no
    round begins after `limit` seconds, but for the first three.

    `clock` is wall, or cpu for the CPU time of the process: with one thread, what neighbours do hardly moves it.
    """

    rounds: int = 15
    turn: float = 300.0
    calls: int = 20
    clock: str = "wall"
    limit: float = 120.0


class Process:
    """A process that answers orders, one JSON object a line, one at a time; use it in `with`."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        """Start it and wait until it says that it is ready; raises RuntimeError where it ends instead."""
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=variables()
        )
        self._answer()

    def ask(self, order: Mapping[str, Any]) -> Any:
        """Its answer to an order; raises RuntimeError where it ends instead."""
        assert self._process.stdin is not None
        print(json.dumps(order), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: the process ended with {self._process.wait()}; its errors are above")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


class Worker(Process):
    """A peer's process, loaded and waiting."""

    def __init__(self, peer: str, model: Model, folder: Path, threads: int) -> None:
        """Start the process and wait until it is ready; raises RuntimeError where it is not."""
        super().__init__(peer, _command("serve", peer, model, folder, threads))

    def time(self, case: Case, calls: int, clock: str = "wall", outputs: Path | None = None) -> list[float]:
        """Milliseconds of each of `calls` calls, after as many that are not counted, two at most."""
        warmup = min(2, calls)
        order = {"batch": case.batch, "sequence": case.sequence, "warmup": warmup, "calls": calls, "clock": clock}
        answer = self.ask(order | ({"outputs": str(outputs)} if outputs else {}))
        milliseconds: list[float] = answer["milliseconds"]
        return milliseconds


def build(peers: Sequence[str], model: Model, folder: Path) -> None:
    """Make the artefacts that are missing or were made by another version, each in its own process. A peer that runs
    elsewhere is skipped by name where its environment or its artefact cannot be made."""
    subprocess.run(_command("checkpoint", peers[0], model, folder, 0), check=True, stdout=subprocess.DEVNULL)
    for peer in peers:
        stall = folder / model.name / peer
        if _version(stall) == PEERS[peer].version:
            continue
        shutil.rmtree(stall, ignore_errors=True)
        print(f"building {model.name} for {PEERS[peer].name}", file=sys.stderr, flush=True)
        try:
            if peer in ELSEWHERE:
                ELSEWHERE[peer].make()
            stall.mkdir(parents=True)
            command = _command("build", peer, model, folder, 0)
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=variables())
        except (EnvironmentMissingError, subprocess.CalledProcessError) as error:
            if peer not in ELSEWHERE:
                raise
            print(f"{peer} is skipped: {error}", file=sys.stderr, flush=True)
            continue
        (stall / "built-by").write_text(PEERS[peer].version, encoding="utf-8")


def built(peers: Sequence[str], model: Model, folder: Path) -> tuple[str, ...]:
    """Those that have an artefact and an interpreter. The others are named on standard error, and so are those of
    another version, which `build` would make again."""
    found = [
        peer
        for peer in peers
        if _version(folder / model.name / peer) is not None and (peer not in ELSEWHERE or ELSEWHERE[peer].is_made)
    ]
    missing = [peer for peer in peers if peer not in found]
    if missing:
        print(f"{model.name}: not built, skipped: {', '.join(missing)}", file=sys.stderr, flush=True)
    outdated = [peer for peer in found if _version(folder / model.name / peer) != PEERS[peer].version]
    if outdated:
        print(f"{model.name}: outdated, raced as they are: {', '.join(outdated)}", file=sys.stderr, flush=True)
    return tuple(found)


def _version(stall: Path) -> str | None:
    """The version that a peer's artefact was made by; None without one."""
    stamp = stall / "built-by"
    return stamp.read_text(encoding="utf-8") if stamp.exists() else None


@contextlib.contextmanager
def started(peers: Sequence[str], model: Model, folder: Path, threads: int) -> Iterator[dict[str, Worker]]:
    """A worker for each peer; all of them end with the block."""
    with contextlib.ExitStack() as stack:
        yield {peer: stack.enter_context(Worker(peer, model, folder, threads)) for peer in peers}


def race(workers: Mapping[str, Worker], case: Case, plan: Plan) -> dict[str, list[list[float]]]:
    """Peer -> round -> milliseconds of each call."""
    turns: dict[str, Callable[[], list[float]]] = {}
    for peer, worker in workers.items():
        once = best([worker.time(case, 2, plan.clock)])
        calls = int(min(plan.calls, max(1, plan.turn / once)))
        turns[peer] = functools.partial(worker.time, case, calls, plan.clock)
    return in_turns(turns, plan)


def in_turns(turns: Mapping[str, Callable[[], list[float]]], plan: Plan) -> dict[str, list[list[float]]]:
    """Name -> round -> what its turn gave. The order is shuffled anew for each round."""
    rounds: dict[str, list[list[float]]] = {name: [] for name in turns}
    order, shuffle, began = list(turns), random.Random(0), time.monotonic()
    for finished in range(plan.rounds):
        if finished >= FEWEST and time.monotonic() - began > plan.limit:
            break
        shuffle.shuffle(order)
        for name in order:
            rounds[name].append(turns[name]())
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
    python = ELSEWHERE[peer].interpreter if peer in ELSEWHERE and verb != "checkpoint" else sys.executable
    return [str(python), "-m", "benchmarks.worker", verb, peer, model.name, str(folder), str(threads)]
