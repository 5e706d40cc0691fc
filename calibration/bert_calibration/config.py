"""How to quantise: the settings that the command, the exporter, calibration and the search share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bert_calibration.accuracy import AccuracyConstraint

WITHOUT_DATA = ("dynamic", "per-token")
"""The methods that need no data; their plans have the same names."""

RANGE_METHODS = ("minmax", "percentile", "entropy", "smooth")
"""The methods that take ranges from data; `ranges.METHODS` holds their functions."""

METHODS = ("auto", *WITHOUT_DATA, *RANGE_METHODS)
PRESETS = ("performance", "accuracy")


@dataclass(frozen=True)
class QuantizationConfig:
    """How to quantise.

    Attributes:
        method: one of METHODS. auto: smooth with data, per-token without.
        preset: one of PRESETS, see `plans`. None: accuracy; performance for the methods that find one scale for a
            whole tensor (minmax, percentile and entropy).
        max_drop: the accuracy constraint, absolute: of the task's metric, or of the share of equal answers.
        accept_unproven: whether to go on where the samples are too few to tell; see `accuracy`.
        calibrate: the file of samples that calibrate and judge; see `samples`.
        limit: how many of these samples to take, evenly over the file.
        ranges: a ranges file of the same model, used in place of a new calibration.
        mixtures: whether a plan that loses too much may keep the worst points more precise.
        min_speed: the least speed, as a multiple of fp32's on this machine; None where no engine of the target runs
            here, so that nothing can be timed.
        kept: points to make more precise from the start; see `Plan.careful`.
        embedding: whether the word embeddings become integers too.
    """

    method: str = "auto"
    preset: str | None = None
    max_drop: float = 0.01
    accept_unproven: bool = False
    calibrate: Path | None = None
    limit: int | None = None
    ranges: Path | None = None
    mixtures: bool = True
    min_speed: float | None = 1.0
    kept: frozenset[str] = frozenset()
    embedding: bool = True

    @property
    def constraint(self) -> AccuracyConstraint:
        """What a plan may lose."""
        return AccuracyConstraint(self.max_drop, self.accept_unproven)

    @property
    def has_data(self) -> bool:
        """Whether files name data: samples, or the ranges of an earlier calibration."""
        return self.calibrate is not None or self.ranges is not None

    def problems(self, has_data: bool) -> Iterator[str]:
        """What is wrong with the values, where there are data to calibrate on or not."""
        if self.method not in METHODS:
            yield f"--method is {self.method!r}, expected one of {', '.join(METHODS)}"
        if self.preset not in (None, *PRESETS):
            yield f"--preset is {self.preset!r}, expected {' or '.join(PRESETS)}"
        if not 0 <= self.max_drop <= 1:
            yield f"--max-drop is {self.max_drop:g}, expected 0 to 1: 0.01 is one point of the task's metric"
        if self.limit is not None and self.limit < 1:
            yield f"--limit is {self.limit}, expected at least 1 sample"
        if self.method in RANGE_METHODS and not has_data:
            yield f"--method {self.method} takes ranges from data; give --calibrate FILE, or --ranges FILE"
        if self.preset is not None and not has_data:
            yield f"--preset {self.preset} needs calibration data; give --calibrate FILE, or --ranges FILE"
        elif self.preset is not None and self.method in WITHOUT_DATA:
            yield f"--preset {self.preset} with --method {self.method}, which has one plan; leave out one of them"
        if self.limit is not None and not self.calibrate:
            yield "--limit belongs to --calibrate; give --calibrate FILE"
