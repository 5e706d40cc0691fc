"""Latency of one call: `python -m benchmarks.latency [--models NAME ...] [--rounds N] [--clock cpu --threads 1]`.

Measurements: for each case {"batch", "sequence", "peer", "difference", "rounds"}: milliseconds of each call by round,
and the largest difference from the baseline's outputs, relative to their largest.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import this_machine
from benchmarks.peers import BASELINE, PEERS
from benchmarks.race import Plan, build, differences, race, started
from benchmarks.results import save
from benchmarks.summary import speed_up, typical
from benchmarks.workload import CASES, MASKED, Case, Model

WORK = Path("build/benchmarks")


@dataclass(frozen=True)
class Heat:
    """One model, who runs it, on what, and against whom."""

    model: Model
    peers: tuple[str, ...]
    cases: tuple[Case, ...]
    baseline: str


def heats() -> list[Heat]:
    """Everything that is raced: heads that read all tokens or one against everyone, fill-mask against full logits."""
    everyone = tuple(peer for peer in PEERS if peer != "bert-export-plain")
    logits = ("bert-export", "bert-export-plain")
    return [
        *(
            Heat(Model(task, size), everyone, CASES, BASELINE)
            for size in ("minilm-l6", "bert-base")
            for task in ("text-classification", "question-answering")
        ),
        *(Heat(Model("fill-mask", size), logits, MASKED, logits[1]) for size in ("minilm-l6", "bert-base")),
    ]


def measure(heat: Heat, threads: int, plan: Plan) -> Path:
    """Race one heat; the result is kept after each case, so that an interrupted heat leaves what it has."""
    measurements: list[dict[str, Any]] = []
    benchmark = "latency" if plan.clock == "wall" else "cpu_time"
    path = Path()
    with started(heat.peers, heat.model, WORK, threads) as workers, tempfile.TemporaryDirectory() as folder:
        for case in heat.cases:
            worst = differences(workers, case, heat.baseline, Path(folder))
            times = race(workers, case, plan)
            for peer, rounds in times.items():
                faster = speed_up(rounds, times[heat.baseline]).median
                print(f"{heat.model.name} {case.name} {peer:24} {typical(rounds):8.2f} ms {faster:5.2f}x", flush=True)
                facts = {"batch": case.batch, "sequence": case.sequence, "peer": peer, "baseline": heat.baseline}
                measurements.append({**facts, "difference": worst[peer], "rounds": rounds})
            path = save(benchmark, heat.model.name, threads, measurements)
    return path


def _only(names: Sequence[str] | None, heat: Heat) -> Heat:
    return dataclasses.replace(heat, cases=tuple(case for case in heat.cases if not names or case.name in names))


def main(arguments: Sequence[str] | None = None) -> None:
    """Build what is missing, then race."""
    names = [heat.model.name for heat in heats()]
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--models", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    flags.add_argument("--cases", nargs="+", metavar="NAME", help="only these, for example 'b1 s128'")
    flags.add_argument("--rounds", type=int, default=Plan().rounds)
    flags.add_argument("--turn", type=float, default=Plan().turn, help="milliseconds of each engine in each round")
    flags.add_argument("--threads", type=int, default=min(2, this_machine().cpus))
    flags.add_argument("--clock", choices=("wall", "cpu"), default=Plan().clock)
    steps = flags.add_mutually_exclusive_group()
    steps.add_argument("--build-only", action="store_true", help="make the artefacts, race later")
    steps.add_argument("--no-build", action="store_true", help="race the artefacts as they are, even outdated ones")
    parsed = flags.parse_args(arguments)
    if parsed.clock == "cpu" and parsed.threads != 1:
        flags.error(f"--clock cpu with {parsed.threads} threads counts their waiting too; give --threads 1")
    plan = Plan(parsed.rounds, parsed.turn, clock=parsed.clock)
    chosen = [_only(parsed.cases, heat) for heat in heats() if heat.model.name in parsed.models]
    for heat in [] if parsed.no_build else chosen:
        build(heat.peers, heat.model, WORK)
    for heat in [] if parsed.build_only else chosen:
        print(measure(heat, parsed.threads, plan), file=sys.stderr)


if __name__ == "__main__":
    main()
