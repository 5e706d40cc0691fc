"""Latency of one call: `python -m benchmarks.latency [--models NAME ...] [--rounds N] [--clock cpu --threads 1]`.

Measurements: for each case {"batch", "sequence", "peer", "difference", "rounds"}: milliseconds of each call by round,
the largest difference from the raw export's outputs in fp32, relative to their largest, and "versions" of a peer in an
environment of its own. Peers of one precision race each other; the result of another than fp32 has it in its name.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers import BASELINE, BASELINES, BF16, ELSEWHERE, FP32, INT8, PEERS
from benchmarks.race import Plan, build, built, differences, race, started
from benchmarks.results import save
from benchmarks.summary import speed_up, typical
from benchmarks.workload import CASES, Case, Model

WORK = Path("build/benchmarks")
TASKS = ("text-classification", "question-answering", "fill-mask")
RACED = {"fp32": tuple(FP32), "bf16": tuple(BF16), "int8": tuple(INT8)}
"""Precision -> its peers: who rounds less is not raced against who rounds more."""
_PEERS = ", ".join(PEERS)
FAMILIES = ("distilbert", "roberta", "mpnet")
FAMILY_PEERS = ("bert-export", "transformers-exporters", "onnxruntime-optimizer", "optimum-o2", BASELINE)
"""Against whom the other families are raced, on ONNX Runtime's CPU provider."""
FAMILY_CASES = (Case(1, 128), Case(8, 128))


@dataclass(frozen=True)
class Heat:
    """One model, who runs it, on what, and against whom: all in one precision."""

    model: Model
    precision: str
    peers: tuple[str, ...]
    cases: tuple[Case, ...]
    baseline: str


def heats() -> list[Heat]:
    """Everything that can be raced. In fp32, fill-mask is compared with full logits from the same engine."""
    found = []
    for size in ("minilm-l6", "bert-base"):
        for task in TASKS:
            for precision, entered in RACED.items():
                peers = tuple(peer for peer in entered if _takes(peer, task))
                baseline = "bert-export-plain" if (task, precision) == ("fill-mask", "fp32") else BASELINES[precision]
                found.append(Heat(Model(task, size), precision, peers, CASES, baseline))
    for family in FAMILIES:
        found.append(Heat(Model("text-classification", f"{family}-base"), "fp32", FAMILY_PEERS, FAMILY_CASES, BASELINE))
    return found


def _takes(peer: str, task: str) -> bool:
    """Other heads have no positions to pick, so that --plain is no other graph; CTranslate2 has no fill-mask."""
    return peer != ("ctranslate2" if task == "fill-mask" else "bert-export-plain")


def measure(heat: Heat, threads: int, plan: Plan) -> Path:
    """Race one heat; the result is kept after each case, so that an interrupted heat leaves what it has."""
    measurements: list[dict[str, Any]] = []
    path = Path()
    loaded = dict.fromkeys((BASELINE, *heat.peers))
    with started(list(loaded), heat.model, WORK, threads) as workers, tempfile.TemporaryDirectory() as folder:
        for case in heat.cases:
            worst = differences(workers, case, BASELINE, Path(folder))
            times = race({peer: workers[peer] for peer in heat.peers}, case, plan)
            for peer, rounds in times.items():
                faster = speed_up(rounds, times[heat.baseline]).median
                print(f"{heat.model.name} {case.name} {peer:32} {typical(rounds):8.2f} ms {faster:5.2f}x", flush=True)
                facts = {"batch": case.batch, "sequence": case.sequence, "peer": peer, "baseline": heat.baseline}
                own = {"versions": ELSEWHERE[peer].versions} if peer in ELSEWHERE else {}
                measurements.append({**facts, **own, "difference": worst[peer], "rounds": rounds})
            path = save(
                "latency" if plan.clock == "wall" else "cpu_time", subject(heat, threads), threads, measurements
            )
    return path


def subject(heat: Heat, threads: int) -> str:
    """For the result's name: the model; what differs from fp32 and from the usual threads."""
    parts = [heat.model.name]
    parts += [heat.precision] if heat.precision != "fp32" else []
    parts += [f"{threads}-threads"] if threads != usual_threads() else []
    return "-".join(parts)


def usual_threads() -> int:
    """As many threads as most machines spare for one call."""
    return min(2, len(os.sched_getaffinity(0)))


def chosen(parsed: argparse.Namespace) -> list[Heat]:
    """The heats that the command line names, each with the peers and cases that it names."""
    found = []
    for heat in heats():
        if heat.model.name not in parsed.models or heat.precision not in parsed.precisions:
            continue
        cases = tuple(case for case in heat.cases if not parsed.cases or case.name in parsed.cases)
        named = parsed.peers or heat.peers
        peers = tuple(peer for peer in heat.peers if peer in named or peer == heat.baseline)
        found.append(dataclasses.replace(heat, cases=cases, peers=peers))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Build what is missing, then race."""
    names = list(dict.fromkeys(heat.model.name for heat in heats()))
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--models", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    flags.add_argument("--precisions", nargs="+", choices=RACED, default=list(RACED), help="of the peers: a race each")
    flags.add_argument(
        "--peers", nargs="+", choices=PEERS, metavar="NAME", help=f"only these and the baseline: {_PEERS}"
    )
    flags.add_argument("--cases", nargs="+", metavar="NAME", help="only these, for example 'b1 s128'")
    flags.add_argument("--rounds", type=int, default=Plan().rounds)
    flags.add_argument("--turn", type=float, default=Plan().turn, help="milliseconds of each engine in each round")
    flags.add_argument("--limit", type=float, default=Plan().limit, help="seconds of each case, about")
    flags.add_argument("--threads", type=int, default=usual_threads())
    flags.add_argument("--clock", choices=("wall", "cpu"), default=Plan().clock)
    steps = flags.add_mutually_exclusive_group()
    steps.add_argument("--build-only", action="store_true", help="make the artefacts, race later")
    steps.add_argument("--no-build", action="store_true", help="race the artefacts as they are, even outdated ones")
    parsed = flags.parse_args(arguments)
    if parsed.clock == "cpu" and parsed.threads != 1:
        flags.error(f"--clock cpu with {parsed.threads} threads counts their waiting too; give --threads 1")
    plan = Plan(parsed.rounds, parsed.turn, clock=parsed.clock, limit=parsed.limit)
    for heat in [] if parsed.no_build else chosen(parsed):
        build(tuple(dict.fromkeys((BASELINE, *heat.peers))), heat.model, WORK)
    for heat in [] if parsed.build_only else chosen(parsed):
        ready = dataclasses.replace(heat, peers=built(heat.peers, heat.model, WORK))
        if {heat.baseline, BASELINE} <= {*built((BASELINE, heat.baseline), heat.model, WORK)}:
            print(measure(ready, parsed.threads, plan), file=sys.stderr)


if __name__ == "__main__":
    main()
