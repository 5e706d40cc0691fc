"""What becomes of each activation: the granularity of its integers, and which stay more precise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from bert_calibration.products import QuantizationPoint, Role


class Granularity(Enum):
    """How an activation is turned into integers."""

    STATIC = "static"
    """One scale for all, from calibration."""
    TOKEN = "per-token"
    """One scale for each token, computed from the token itself. Q/DQ has no such granularity: a graph of plain
    operators then holds int8 weights and leaves the smoothed activations to the engine, as OpenVINO can take them."""
    DYNAMIC = "dynamic"
    """One scale for the whole batch, taken from the batch: an answer depends on what it was batched with."""
    FLOAT = "float"
    """Not at all."""


@dataclass(frozen=True)
class Plan:
    """One way to quantise a graph.

    Attributes:
        name: for reports.
        attention: the granularity of what queries, keys and values are made of.
        dense: the granularity of every activation that is neither of the other two.
        output: the granularity of what GELU gives, in which few tokens have values far beyond all others.
        method: how ranges are taken from data, a key of `ranges.METHODS`; None for a plan that needs no data.
        kept: names of points that are more precise than the plan.
        careful: the granularity of these.
        embedding: whether the word embeddings become integers too, a scale for each word.
    """

    name: str
    attention: Granularity
    dense: Granularity
    output: Granularity
    method: str | None = None
    kept: frozenset[str] = frozenset()
    careful: Granularity = Granularity.FLOAT
    embedding: bool = True

    @property
    def granularities(self) -> frozenset[Granularity]:
        """Every granularity that the plan uses."""
        careful = {self.careful} if self.kept else set()
        return frozenset({self.attention, self.dense, self.output} | careful)

    @property
    def is_batch_invariant(self) -> bool:
        """Whether an answer is the same alone and in any batch."""
        return Granularity.DYNAMIC not in self.granularities

    def granularity(self, point: QuantizationPoint) -> Granularity:
        """What becomes of a point."""
        if point.name in self.kept:
            return self.careful
        return {Role.ATTENTION: self.attention, Role.OUTPUT: self.output}.get(point.role, self.dense)

    def keeping(self, *names: str) -> Plan:
        """The same plan with more points that are more precise."""
        return replace(self, kept=self.kept | set(names))

    @property
    def refined(self) -> Plan:
        """Every point in the careful granularity, floating point as the next; the plan itself where that is next."""
        if self.careful is Granularity.FLOAT:
            return self
        granularity = self.careful
        return replace(
            self,
            name=ACCURACY.name,
            attention=granularity,
            dense=granularity,
            output=granularity,
            careful=Granularity.FLOAT,
        )

    def only(self, point: str, points: Sequence[str]) -> Plan:
        """The same plan for one of the graph's points, and nothing else."""
        return replace(self, kept=frozenset(points) - {point}, careful=Granularity.FLOAT, embedding=False)


PERFORMANCE = Plan(
    "performance", Granularity.STATIC, Granularity.STATIC, Granularity.STATIC, "smooth", careful=Granularity.TOKEN
)
ACCURACY = Plan("accuracy", Granularity.TOKEN, Granularity.TOKEN, Granularity.TOKEN, "smooth")
PER_TOKEN = Plan("per-token", Granularity.TOKEN, Granularity.TOKEN, Granularity.TOKEN)
DYNAMIC = Plan("dynamic", Granularity.DYNAMIC, Granularity.DYNAMIC, Granularity.DYNAMIC)
STATIC = Plan("performance", Granularity.STATIC, Granularity.STATIC, Granularity.STATIC, "smooth")
"""For an engine without scales per token."""
