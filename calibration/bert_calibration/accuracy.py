"""The accuracy constraint: how much of the metric may be lost, and how many samples can tell.

The rule: a plan meets the constraint when the drop that the samples show is within `max_drop`, and there are enough of
them. Enough is the number at which even a plan that changes nothing could be said, with 95% confidence, to lose no more
than `max_drop`: 1 - 0.05 ** (1 / n) <= max_drop, the exact one-sided bound of Clopper and Pearson for no change in n
samples (the rule of three: n is about 3 / max_drop). On fewer, no result is a proof, whatever it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

ONE_SIDED = 0.05
TELLING = 10
"""On fewer samples an interval from resampling says nothing, so that no loss counts as shown."""

EXACT = 1e-9
"""Far below what one answer more or less changes."""


class Verdict(Enum):
    """What samples say of a constraint."""

    MET = "accuracy constraint met"
    UNPROVEN = "accuracy not proven"
    BROKEN = "accuracy constraint broken"


@dataclass(frozen=True)
class Drop:
    """How much of a metric is lost between fp32 and a plan.

    Attributes:
        metric: the task's own, or without gold the agreement with fp32.
        value: the loss that the samples show; negative for a gain.
        low, high: its 95% interval.
        samples: how many independent samples show it.
        held_out: whether they are the user's, and none of them calibrated; the task's own examples prove nothing.
        kind: what they are, where they are not held out.
    """

    metric: str
    value: float
    low: float
    high: float
    samples: int
    held_out: bool = True
    kind: str = "of the task's own examples"

    def __str__(self) -> str:
        kind = "independent held-out samples" if self.held_out else self.kind
        return (
            f"{self.metric} drops by {_plain(self.value)} (95% interval {_plain(self.low)} to {_plain(self.high)}) on "
            f"{self.samples} {kind}"
        )


@dataclass(frozen=True)
class AccuracyConstraint:
    """At most `max_drop` of the metric lost.

    Attributes:
        max_drop: absolute, 0 to 1: 0.01 is one point of the metric.
        accept_unproven: whether to go on where the samples are too few to tell; a loss that they show is refused.
    """

    max_drop: float = 0.01
    accept_unproven: bool = False

    @property
    def needed(self) -> int | None:
        """How many independent samples can tell; None where no number can, for a drop of 0."""
        if self.max_drop <= 0:
            return None
        if self.max_drop >= 1:
            return 1
        return max(1, math.ceil(math.log(ONE_SIDED) / math.log1p(-self.max_drop) - 1e-9))

    def covers(self, value: float) -> bool:
        """Whether a loss is within the constraint: 3 of 150 are 0.02, whatever the last bit of a float says."""
        return value <= self.max_drop + EXACT

    def can_tell(self, samples: int) -> bool:
        """Whether so many independent samples are enough."""
        return self.needed is not None and samples >= self.needed

    def verdict(self, drop: Drop) -> Verdict:
        """What these samples say; a drop that is no number breaks every constraint."""
        if self.can_tell(drop.samples) and drop.held_out:
            return Verdict.MET if self.covers(drop.value) else Verdict.BROKEN
        shown = drop.samples >= TELLING and drop.low > self.max_drop
        return Verdict.BROKEN if shown or math.isnan(drop.value) else Verdict.UNPROVEN

    def allows(self, drop: Drop) -> bool:
        """Whether a plan with this drop may be kept."""
        verdict = self.verdict(drop)
        return verdict is Verdict.MET or (verdict is Verdict.UNPROVEN and self.accept_unproven)

    def judged(self, drop: Drop) -> Accuracy:
        """The verdict with all that it stands on."""
        return Accuracy(self.verdict(drop), drop, self)


@dataclass(frozen=True)
class Accuracy:
    """A verdict, and what it stands on."""

    verdict: Verdict
    drop: Drop
    constraint: AccuracyConstraint

    def __str__(self) -> str:
        report = f"{self.verdict.value}: {self.drop}, and {self.constraint.max_drop:g} may be lost"
        return f"{report}{self._more()}"

    def to_json(self) -> Mapping[str, object]:
        """For reports and manifests."""
        return {
            "verdict": self.verdict.value,
            "metric": self.drop.metric,
            "drop": self.drop.value,
            "low": self.drop.low,
            "high": self.drop.high,
            "samples": self.drop.samples,
            "held_out": self.drop.held_out,
            "max_drop": self.constraint.max_drop,
            "needed": self.constraint.needed,
            "words": str(self),
        }

    def _more(self) -> str:
        """How many samples would settle what these leave open."""
        drop, constraint = self.drop, self.constraint
        if self.verdict is Verdict.UNPROVEN:
            return f"; {needed_samples(constraint)}"
        if self.verdict is Verdict.MET and drop.high > constraint.max_drop > drop.value:
            # the width of an interval falls with the square root of the number of samples
            times = ((drop.high - drop.value) / (constraint.max_drop - drop.value)) ** 2
            return f"; about {_rounded(drop.samples * times)} samples would bring the whole interval within that"
        return ""


def needed_samples(constraint: AccuracyConstraint) -> str:
    """A sentence on how many samples can show the drop."""
    if constraint.needed is None:
        return "no number of samples shows that nothing at all is lost: allow more than 0"
    return f"{constraint.needed} independent held-out samples or more can tell"


def least_drop(samples: int) -> float:
    """The smallest `max_drop` that so many samples can tell, rounded up to two digits."""
    exact: float = 1 - ONE_SIDED ** (1 / samples)
    step: float = 10.0 ** (math.floor(math.log10(exact)) - 1)
    return min(1.0, round(math.ceil(exact / step) * step, 12))


def _rounded(number: float) -> int:
    """Two digits of a number that is none too exact."""
    step: int = 10 ** max(0, math.floor(math.log10(max(number, 1))) - 1)
    return math.ceil(number / step) * step


def _plain(value: float) -> str:
    return f"{round(value, 4) + 0.0:.4f}"  # no -0.0000
