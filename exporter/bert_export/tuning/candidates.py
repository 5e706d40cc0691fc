"""What may be made for this machine's CPU, and why the rest may not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bert_runtime.cpus import available_cpus
from bert_runtime.machine.requirements import missing_requirements
from bert_runtime.machine.system import System
from bert_runtime.targets import TARGETS, Target

TRIED = tuple(target for target in TARGETS if target.is_candidate)
"""The targets that are tried, the one that needs less installed first."""

EXACTNESS = ("fp32", "bf16", "int8 per-token", "int8 accuracy", "int8 performance")
"""Forms of numbers, those nearest to torch's answers first."""

CALIBRATED, UNCALIBRATED = ("performance", "accuracy"), "per-token"
"""The plans of int8 that need data, and the one that needs none."""


@dataclass(frozen=True)
class Candidate:
    """What may be made: a target, a precision, and of int8 the plan."""

    target: str
    precision: str
    preset: str = ""

    @property
    def form(self) -> str:
        """The precision with its plan."""
        return f"{self.precision} {self.preset}".strip()

    @property
    def name(self) -> str:
        """In words, for tables."""
        return f"{self.target} {self.form}"

    @property
    def rank(self) -> tuple[int, int]:
        """Smaller for the more exact, then for what needs less installed."""
        return EXACTNESS.index(self.form), [target.name for target in TRIED].index(self.target)


@dataclass(frozen=True)
class Field:
    """What is tried, fp32 of each target first; and (name, reason) of what is not."""

    candidates: tuple[Candidate, ...]
    absent: tuple[tuple[str, str], ...]


def field_of(system: System, has_data: bool, is_decoder: bool) -> Field:
    """Every target and precision of the CPU, on a machine that has `system`.

    Args:
        has_data: whether there are requests to calibrate and judge int8 on.
        is_decoder: whether the head reads back what it computed, which integers are not made for.
    """
    found: list[Candidate] = []
    absent: list[tuple[str, str]] = []
    for target in TRIED:
        missing = missing_requirements(system, target.name)
        if missing:
            absent.append((target.name, "; ".join(map(str, missing))))
            continue
        for candidate, reason in _of_target(target, system, has_data, is_decoder):
            if reason:
                absent.append((candidate.name, reason))
            else:
                found.append(candidate)
    return Field(tuple(found), tuple(absent))


def thread_counts(cpus: int | None = None) -> tuple[int, ...]:
    """All CPUs that affinity and cgroup leave this process, then the powers of two below, down to 1."""
    most = cpus or available_cpus()
    return tuple(dict.fromkeys([most, *(2**i for i in range(most.bit_length() - 1, -1, -1))]))


def _of_target(target: Target, system: System, has_data: bool, is_decoder: bool) -> Iterator[tuple[Candidate, str]]:
    """Each candidate, and why it is none, if it is none."""
    yield Candidate(target.name, "fp32"), ""
    if "bf16" in target.precisions:
        reason = "" if system.cpu.has_bf16 else "this CPU has no bf16 products: it would run in fp32"
        yield Candidate(target.name, "bf16"), reason
    if is_decoder:
        yield Candidate(target.name, "int8"), "a decoder has no int8: errors add up from token to token"
        return
    for plan in CALIBRATED:
        yield Candidate(target.name, "int8", plan), "" if has_data else "needs calibration data; give --calibrate FILE"
    if not has_data:
        yield Candidate(target.name, "int8", UNCALIBRATED), ""
