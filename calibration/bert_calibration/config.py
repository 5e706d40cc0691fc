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
"""What `QuantizationConfig.method` may be."""

CALIBRATED = ("performance", "accuracy")
"""What `QuantizationConfig.plan` may be."""


@dataclass(frozen=True)
class QuantizationConfig:
    """How to quantise.

    Attributes:
        method: one of CHOICES. auto: smooth with data, per-token without.
        preset: performance or accuracy, see `plans`. None: accuracy; performance for the methods that find one scale
            for a whole tensor (minmax, percentile and entropy).
        max_drop: the accuracy constraint, absolute: of the task's metric, or of the share of equal answers.
        accept_unproven: whether to go on where the samples are too few to tell; see `accuracy`.
        min_speed: how many times as fast as fp32 the plan must be at least, on this machine.
        kept: points to make more precise from the start; see `Plan.careful`.
        embedding: whether the word embeddings become integers too.
        mixtures: whether a plan that loses too much may keep what hurts most more precise.
    """

    method: str = "auto"
    preset: str | None = None
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


def choose(config: QuantizationConfig, target: str, has_data: bool) -> Plan:
    """The plan for a config.

    Raises:
        CalibrationError: the method needs data, and there is none; or something has an impossible value: all problems.
        QuantizationError: the target has no such plan.
    """
    problems = list(_problems(config, has_data))
    if problems:
        raise CalibrationError("; ".join(problems))
    named, name = SCHEMES[target].plans if target in SCHEMES else {}, _name(config, has_data)
    if name not in named:
        raise QuantizationError(
            f"the target {target} has no int8 preset {name!r}, expected one of {', '.join(named) or 'none'};"
            " performance and accuracy need calibration data"
        )
    plan = named[name] if config.method not in METHODS else replace(named[name], method=config.method)
    return replace(plan, kept=config.kept, embedding=config.embedding)


def _name(config: QuantizationConfig, has_data: bool) -> str:
    if config.method in WITHOUT_DATA:
        return config.method
    if not has_data:
        return "per-token"
    return config.preset or ("accuracy" if config.method in ("auto", "smooth") else "performance")


def _problems(config: QuantizationConfig, has_data: bool) -> Iterator[str]:
    if config.method not in CHOICES:
        yield f"the method is {config.method!r}, expected one of {', '.join(CHOICES)}"
    if config.preset not in (None, *CALIBRATED):
        yield f"the preset is {config.preset!r}, expected {' or '.join(CALIBRATED)}"
    if config.method in METHODS and not has_data:
        yield f"the method {config.method} needs calibration data: give --calibrate FILE, or --method per-token"
    if config.preset is not None and (config.method in WITHOUT_DATA or not has_data):
        yield f"the preset {config.preset} needs calibration data: give --calibrate FILE and a method that reads it"
    if not config.max_drop >= 0:
        yield f"the largest drop is {config.max_drop}, expected 0 or more"
