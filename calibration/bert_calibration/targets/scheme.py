"""How a target's graphs hold integers: a value for each target that has int8."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bert_calibration.edit import Editor
from bert_calibration.plans import Form, Plan
from bert_calibration.products import Site
from bert_calibration.ranges import Range

QuantizeSite = Callable[[Editor, Site, Form, Range | None], dict[str, str]]
"""(editor, site, its form, its range) -> product -> the operator that it became."""


def nothing(editor: Editor) -> None:
    """For a scheme that is done when every site is."""


@dataclass(frozen=True)
class Scheme:
    """The int8 scheme of a target.

    Attributes:
        plans: name -> plan; fast and faithful need calibration data, the others none.
        forms: the forms of activations that the engine has.
        limits: what is wrong with every other form, for people.
        quantize_site: replaces the products of one site.
        finish: rewrites the whole graph after the last site.
        quantizes_embedding: whether rows of an int8 table can be looked up.
        note: what a reader of the report must know of every int8 graph of the target.
        token_note: the same where a plan has scales per token.
    """

    plans: Mapping[str, Plan]
    forms: frozenset[Form]
    limits: str
    quantize_site: QuantizeSite
    finish: Callable[[Editor], None] = nothing
    quantizes_embedding: bool = True
    note: str = ""
    token_note: str = ""


def named(*plans: Plan) -> dict[str, Plan]:
    """Plans by their names."""
    return {plan.name: plan for plan in plans}
