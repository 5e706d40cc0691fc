"""What becomes of each product: the form of its integers, and which stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from bert_calibration.products import ATTENTION, Site
from bert_calibration.ranges import Recipe


class Form(Enum):
    """How an activation is turned into integers."""

    STATIC = "static"
    """One scale for all, from calibration."""
    TOKEN = "per-token"
    """One scale for each token, taken from the token itself."""
    DYNAMIC = "dynamic"
    """One scale for the whole batch, taken from the batch: an answer depends on what it was batched with."""
    FLOAT = "float"
    """Not at all."""


@dataclass(frozen=True)
class Plan:
    """One way to quantise a graph.

    Attributes:
        name: for reports.
        attention: the form of an activation that ONNX Runtime's Attention reads.
        dense: the form of every other activation.
        recipe: how ranges are taken from data; None for a plan that needs no data.
        kept: names of sites that stay in floating point.
        embedding: whether the word embeddings become integers too, a scale for each word.
    """

    name: str
    attention: Form
    dense: Form
    recipe: Recipe | None = None
    kept: frozenset[str] = frozenset()
    embedding: bool = True

    @property
    def is_batch_invariant(self) -> bool:
        """Whether an answer is the same alone and in any batch."""
        return Form.DYNAMIC not in (self.attention, self.dense)

    def form(self, site: Site) -> Form:
        """What becomes of a site."""
        if site.name in self.kept:
            return Form.FLOAT
        return self.attention if site.products[0].node.op_type == ATTENTION else self.dense

    def keeping(self, *names: str) -> Plan:
        """The same plan with more sites left in floating point."""
        return replace(self, kept=self.kept | set(names))

    def only(self, site: str, sites: Sequence[str]) -> Plan:
        """The same plan for one of the graph's sites, and nothing else."""
        return replace(self, kept=frozenset(sites) - {site}, embedding=False)


FAST = Plan("fast", Form.STATIC, Form.STATIC, Recipe("smooth", alpha=0.8))
FAITHFUL = Plan("faithful", Form.TOKEN, Form.TOKEN, Recipe("smooth", alpha=0.5))
PER_TOKEN = Plan("per-token", Form.TOKEN, Form.TOKEN)
DYNAMIC = Plan("dynamic", Form.DYNAMIC, Form.DYNAMIC)

PLANS: Mapping[str, Plan] = {plan.name: plan for plan in (FAST, FAITHFUL, PER_TOKEN, DYNAMIC)}
"""The named plans: two that need calibration data, and two that need none. Measured: benchmarks/LOG.md."""
