"""What becomes of each activation: the form of its integers, and which stay more precise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from bert_calibration.products import Role, Site


class Form(Enum):
    """How an activation is turned into integers."""

    STATIC = "static"
    """One scale for all, from calibration."""
    TOKEN = "per-token"
    """One scale for each token, taken from the token itself. As Q/DQ has no such form, a graph of plain operators holds
    int8 weights there and leaves activations, smoothed, to the engine: OpenVINO takes scales for each token then."""
    DYNAMIC = "dynamic"
    """One scale for the whole batch, taken from the batch: an answer depends on what it was batched with."""
    FLOAT = "float"
    """Not at all."""


@dataclass(frozen=True)
class Plan:
    """One way to quantise a graph.

    Attributes:
        name: for reports.
        attention: the form of what queries, keys and values are made of.
        dense: the form of every activation that is neither of the other two.
        output: the form of what GELU gives, in which few tokens have values far beyond all others.
        method: how ranges are taken from data, a key of `ranges.METHODS`; None for a plan that needs no data.
        kept: names of sites that are more precise than the plan.
        careful: the form of these.
        embedding: whether the word embeddings become integers too, a scale for each word.
    """

    name: str
    attention: Form
    dense: Form
    output: Form
    method: str | None = None
    kept: frozenset[str] = frozenset()
    careful: Form = Form.FLOAT
    embedding: bool = True

    @property
    def forms(self) -> frozenset[Form]:
        """Every form that the plan uses."""
        careful = {self.careful} if self.kept else set()
        return frozenset({self.attention, self.dense, self.output} | careful)

    @property
    def is_batch_invariant(self) -> bool:
        """Whether an answer is the same alone and in any batch."""
        return Form.DYNAMIC not in self.forms

    def form(self, site: Site) -> Form:
        """What becomes of a site."""
        if site.name in self.kept:
            return self.careful
        return {Role.ATTENTION: self.attention, Role.OUTPUT: self.output}.get(site.role, self.dense)

    def keeping(self, *names: str) -> Plan:
        """The same plan with more sites that are more precise."""
        return replace(self, kept=self.kept | set(names))

    def only(self, site: str, sites: Sequence[str]) -> Plan:
        """The same plan for one of the graph's sites, and nothing else."""
        return replace(self, kept=frozenset(sites) - {site}, careful=Form.FLOAT, embedding=False)


FAST = Plan("fast", Form.STATIC, Form.STATIC, Form.STATIC, "smooth", careful=Form.TOKEN)
FAITHFUL = Plan("faithful", Form.TOKEN, Form.TOKEN, Form.TOKEN, "smooth")
PER_TOKEN = Plan("per-token", Form.TOKEN, Form.TOKEN, Form.TOKEN)
DYNAMIC = Plan("dynamic", Form.DYNAMIC, Form.DYNAMIC, Form.DYNAMIC)
STATIC = Plan("fast", Form.STATIC, Form.STATIC, Form.STATIC, "smooth")
"""For an engine without scales per token."""
