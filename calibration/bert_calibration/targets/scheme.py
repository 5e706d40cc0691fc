"""How a target's graphs hold integers: a value for each target that has int8."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bert_calibration.edit import Editor
from bert_calibration.plans import Granularity, Plan
from bert_calibration.products import QuantizationPoint
from bert_calibration.ranges import Range

QuantizePoint = Callable[[Editor, QuantizationPoint, Granularity, Range | None], dict[str, str]]
"""(editor, point, its granularity, its range) -> product -> the operator that it became."""


def nothing(editor: Editor) -> None:
    """For a scheme that is done when every point is."""


@dataclass(frozen=True)
class Scheme:
    """The int8 scheme of a target.

    Attributes:
        plans: name -> plan; performance and accuracy need calibration data, the others none.
        granularities: the granularities of activations that the engine has.
        limits: what is wrong with every other granularity, for people.
        quantize_point: replaces the products of one point.
        finish: rewrites the whole graph after the last point.
        quantizes_embedding: whether rows of an int8 table can be looked up.
        note: what a reader of the report must know of every int8 graph of the target.
        token_note: the same where a plan has scales per token.
    """

    plans: Mapping[str, Plan]
    granularities: frozenset[Granularity]
    limits: str
    quantize_point: QuantizePoint
    finish: Callable[[Editor], None] = nothing
    quantizes_embedding: bool = True
    note: str = ""
    token_note: str = ""


def named(*plans: Plan) -> dict[str, Plan]:
    """Plans by their names."""
    return {plan.name: plan for plan in plans}
