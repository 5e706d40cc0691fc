"""From an fp32 graph, a plan and ranges to an int8 graph. Equal inputs give equal bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray
from onnx_ir.passes import common

from bert_calibration.edit import Editor
from bert_calibration.embedding import quantize_embedding
from bert_calibration.errors import QuantizationError
from bert_calibration.operator_gate import check_found, check_kept, layers_of
from bert_calibration.plans import Granularity, Plan
from bert_calibration.products import QuantizationPoint, find_points
from bert_calibration.ranges import Range, Ranges
from bert_calibration.smoothing import factors_of, smooth
from bert_calibration.targets import SCHEMES


@dataclass(frozen=True)
class Conversion:
    """What was done.

    Attributes:
        plan: by which plan.
        operators: operator -> how many products became it.
        kept: the points that are more precise than the plan, in its careful granularity.
        embedding: whether the word embeddings are integers.
    """

    plan: Plan
    operators: Mapping[str, int]
    kept: tuple[str, ...]
    embedding: bool


def convert(model: ir.Model, target: str, plan: Plan, ranges: Ranges | None) -> Conversion:
    """Rewrite the fp32 graph of `target` in place.

    Raises:
        QuantizationError: the target has no such granularity, or a product of a layer is not there.
    """
    points = find_points(model)
    check_plan(plan, target, ranges, points)
    check_found([product for point in points for product in point.products], layers_of(model))
    scheme, editor, promised = SCHEMES[target], Editor(model), dict[str, str]()
    found = dict(ranges.points) if ranges is not None and plan.method is not None else {}
    floats: set[ir.Value] = set()
    for point in smooth(editor, points, _factors(points, plan, found)):
        granularity = plan.granularity(point)
        if granularity is Granularity.FLOAT:
            floats |= {product.weight for product in point.products}
        else:
            promised |= scheme.quantize_point(editor, point, granularity, found.get(point.name))
    embedded = plan.embedding and scheme.quantizes_embedding and bool(quantize_embedding(editor, floats))
    scheme.finish(editor)
    common.RemoveUnusedNodesPass()(model)
    check_kept(model, promised)
    kept = tuple(point.name for point in points if point.name in plan.kept)
    return Conversion(plan, dict(sorted(Counter(promised.values()).items())), kept, embedded)


def check_plan(plan: Plan, target: str, ranges: Ranges | None, points: list[QuantizationPoint]) -> None:
    """Pass, or say what does not fit.

    Raises:
        QuantizationError: the target has no int8, or not by this plan; or names to keep are unknown.
    """
    problems = []
    if target not in SCHEMES:
        problems.append(f"the target is {target!r}, expected one of {', '.join(SCHEMES)}")
    elif strange := sorted(granularity.value for granularity in plan.granularities - SCHEMES[target].granularities):
        limits = SCHEMES[target].limits
        problems.append(f"plan {plan.name} has {' and '.join(strange)} scales, which {target} has not; {limits}")
    if plan.method is not None and ranges is None:
        problems.append(f"plan {plan.name} needs ranges; calibrate first")
    unknown = sorted(plan.kept - {point.name for point in points})
    if unknown:
        problems.append(f"there is nothing called {', '.join(unknown)} to keep in floating point")
    if problems:
        raise QuantizationError("; ".join(problems))


def _factors(
    points: Sequence[QuantizationPoint], plan: Plan, found: Mapping[str, Range]
) -> dict[str, NDArray[np.float32]]:
    """What the channels of each point are divided by before they become integers."""
    granularities = {point.name: plan.granularity(point) for point in points}
    rounded = {Granularity.STATIC, Granularity.TOKEN}
    factors = {
        name: factors_of(found.get(name), granularity)
        for name, granularity in granularities.items()
        if granularity in rounded
    }
    return {name: each for name, each in factors.items() if each is not None}
