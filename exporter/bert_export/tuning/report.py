"""The report of a trial of all candidates: the machine, the work, every line of the table, and how to load the
winner."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bert_export.tuning.choice import Trial, Verdict
from bert_export.tuning.trials import Timed
from bert_export.tuning.workload import Requests
from bert_runtime.machine.system import System

UNJUDGED = "nothing says how well it answers, so it cannot win; give --calibrate FILE to have it judged"


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        name: target, precision and plan.
        threads: how many CPUs it had; None where it was not timed.
        milliseconds: of one request, the median over rounds.
        ratio, low, high: how many times as fast as the first line, and the quartiles of that.
        drop, judged_on: see Candidate.
        said: winner, final (it was in it), timed; or failed (a gate), absent (not to be had here).
        reason: why it failed, is not here, or cannot win.
    """

    name: str
    threads: int | None = None
    milliseconds: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    drop: float | None = None
    said: str = "timed"
    reason: str = ""
    judged_on: int = 0


@dataclass(frozen=True)
class Tuning:
    """What was tried on which machine, and what came of it; a manifest keeps all of it under `verification`.

    Attributes:
        machine: the CPU, its instruction sets, what this process may use of it, and the versions of the engines.
        mode: latency or throughput.
        requests: where they are from, how many, and their lengths in tokens.
        lines: everything that was tried or could not be.
        winner: target, precision, plan and threads; `default_threads` is what a session takes by itself here.
        reason: why it won.
    """

    machine: Mapping[str, Any]
    mode: str
    requests: Mapping[str, Any]
    lines: tuple[Line, ...]
    winner: Mapping[str, Any]
    reason: str

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return dataclasses.asdict(self)

    def commands(self, directory: str) -> tuple[str, str]:
        """How the winner is loaded as it was timed: by `bert-run`, and in Python."""
        options: list[str] = []
        flags = ""
        if self.winner["threads"] != self.winner["default_threads"]:
            options.append(f"threads={self.winner['threads']}")
            flags += f" --threads {self.winner['threads']}"
        if self.mode == "throughput":
            options.append('mode="throughput"')
            flags += " --mode throughput"
        given = f", options=Options({', '.join(options)})" if options else ""
        return f"bert-run {directory}{flags}", f'bert_runtime.load("{directory}"{given})'


def tuning_of(
    system: System, race: tuple[str, Requests], timed: Sequence[Timed], verdict: Verdict, others: Sequence[Line]
) -> Tuning:
    """Put the report together.

    Args:
        race: the mode, and what was asked.
        timed: all trials.
        others: lines of what was not timed.
    """
    mode, requests = race
    winner = next(each for each in timed if each.trial == verdict.winner)
    plan = winner.candidate.plan
    return Tuning(
        machine=machine_of(system),
        mode=mode,
        requests=requests.to_json(),
        lines=(*(_line(each, verdict) for each in timed), *others),
        winner={
            "target": plan.target,
            "precision": plan.precision,
            "preset": plan.preset,
            "threads": winner.trial.threads,
            "default_threads": max(each.trial.threads for each in timed),
        },
        reason=verdict.reason,
    )


def machine_of(system: System) -> dict[str, Any]:
    """What a time depends on."""
    engines = ("bert-export", "onnxruntime", "onnxruntime-gpu", "openvino")
    return {
        "cpu": system.cpu.model,
        "instruction_sets": list(system.cpu.features),
        "cpus": system.limits.affinity,
        "quota": system.limits.quota,
        "packages": {name: version for name, version in system.packages.items() if name in engines},
    }


def untimed(name: str, reason: str, said: str) -> Line:
    """The line of what could not be made, or did not pass its gates: the reason's first line."""
    return Line(name, said=said, reason=reason.splitlines()[0])


def _line(timed: Timed, verdict: Verdict) -> Line:
    trial, ratio = timed.trial, timed.trial.ratio
    return Line(
        trial.name,
        trial.threads,
        round(timed.milliseconds, 4),
        round(ratio.median, 4),
        round(ratio.low, 4),
        round(ratio.high, 4),
        None if timed.candidate.drop is None else round(timed.candidate.drop, 4) + 0.0,  # no -0.0
        _said(trial, verdict),
        "" if trial.is_eligible else UNJUDGED,
        timed.candidate.judged_on,
    )


def _said(trial: Trial, verdict: Verdict) -> str:
    if trial == verdict.winner:
        return "winner"
    return "final" if trial in verdict.finalists else "timed"
