"""How to quantise, as its user says it, and the plan that follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bert_calibration.accuracy import AccuracyConstraint
from bert_calibration.errors import CalibrationError, QuantizationError
from bert_calibration.plans import Plan
from bert_calibration.ranges import METHODS
from bert_calibration.targets import SCHEMES

WITHOUT_DATA = ("dynamic", "per-token")
"""The methods that need no data; their plans have the same names."""

CHOICES = ("auto", *WITHOUT_DATA, *METHODS)
"""What `Wish.method` may be."""

CALIBRATED = ("fast", "faithful")
"""What `Wish.plan` may be."""


@dataclass(frozen=True)
class Wish:
    """How to quantise.

    Attributes:
        method: one of CHOICES. auto: smooth with data, per-token without.
        plan: fast or faithful, see `plans`; None: faithful, but fast for the methods that are about one scale for
            all: minmax, percentile and entropy.
        max_drop: the accuracy constraint, absolute: of the task's metric, or of the share of equal answers.
        accept_unproven: whether to go on where the samples are too few to tell; see `accuracy`.
        min_speed: how many times as fast as fp32 the plan must be at least, on this machine.
        kept: sites to make more precise from the start; see `Plan.careful`.
        embedding: whether the word embeddings become integers too.
        mixtures: whether a plan that loses too much may keep what hurts most more precise.
    """

    method: str = "auto"
    plan: str | None = None
    max_drop: float = 0.01
    min_speed: float = 1.0
    kept: frozenset[str] = frozenset()
    embedding: bool = True
    mixtures: bool = True
    accept_unproven: bool = False

    @property
    def constraint(self) -> AccuracyConstraint:
        """What a plan may lose."""
        return AccuracyConstraint(self.max_drop, self.accept_unproven)


def choose(wish: Wish, target: str, has_data: bool) -> Plan:
    """The plan for a wish.

    Raises:
        CalibrationError: the method needs data, and there is none; or something has an impossible value: all problems.
        QuantizationError: the target has no such plan.
    """
    problems = list(_problems(wish, has_data))
    if problems:
        raise CalibrationError("; ".join(problems))
    named, name = SCHEMES[target].plans if target in SCHEMES else {}, _name(wish, has_data)
    if name not in named:
        raise QuantizationError(
            f"the target {target} has no int8 plan {name!r}, expected one of {', '.join(named) or 'none'};"
            " fast and faithful need calibration data"
        )
    plan = named[name] if wish.method not in METHODS else replace(named[name], method=wish.method)
    return replace(plan, kept=wish.kept, embedding=wish.embedding)


def _name(wish: Wish, has_data: bool) -> str:
    if wish.method in WITHOUT_DATA:
        return wish.method
    if not has_data:
        return "per-token"
    return wish.plan or ("faithful" if wish.method in ("auto", "smooth") else "fast")


def _problems(wish: Wish, has_data: bool) -> Iterator[str]:
    if wish.method not in CHOICES:
        yield f"the method is {wish.method!r}, expected one of {', '.join(CHOICES)}"
    if wish.plan not in (None, *CALIBRATED):
        yield f"the plan is {wish.plan!r}, expected {' or '.join(CALIBRATED)}"
    if wish.method in METHODS and not has_data:
        yield f"the method {wish.method} needs calibration data: give --calibrate FILE, or --method per-token"
    if wish.plan is not None and (wish.method in WITHOUT_DATA or not has_data):
        yield f"the plan {wish.plan} needs calibration data: give --calibrate FILE and a method that reads it"
    if not wish.max_drop >= 0:
        yield f"the largest drop is {wish.max_drop}, expected 0 or more"
