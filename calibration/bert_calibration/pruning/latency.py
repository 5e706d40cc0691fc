"""What each width of a sub-layer saves on the engine that will run it: the whole network, timed with less and less.

A network whose layers all have so many heads (or neurons) is made, converted as the artefact will be, and timed in
turns with the whole one. Products take time in proportion to their width: the line of least squares through the whole
network's time stands for all widths, as a busy machine errs by more than engines deviate from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from bert_calibration.pruning.slicing import remove_dead
from bert_calibration.pruning.sublayers import Sublayer, find_sublayers
from bert_calibration.pruning.walk import step_of
from bert_calibration.pruning.widths import Kind

SHARES = (0.75, 0.5, 0.25, 0.0)
"""Of the structures, in the networks that are timed; of 0, one step is left."""

Ratio = Callable[[ir.Model], float]
"""A sliced fp32 graph -> how long it takes once it is converted, as a share of the whole network's time."""


@dataclass(frozen=True)
class LatencyTable:
    """Time by width, as a share of the whole network's.

    Attributes:
        shares: kind -> the shares of structures that were timed, rising to 1.
        times: kind -> the time of a network whose layers all have that share, as a share of the whole one's, on the
            line through all that were timed.
        source: what was timed, in words.
    """

    shares: Mapping[Kind, tuple[float, ...]]
    times: Mapping[Kind, tuple[float, ...]]
    source: str

    def saved(self, kind: Kind, share: float) -> float:
        """What all layers together save when each keeps this share of its structures."""
        return 1.0 - float(np.interp(share, self.shares[kind], self.times[kind]))

    def to_json(self) -> dict[str, object]:
        """For reports."""
        rows = {kind.value: dict(zip(self.shares[kind], self.times[kind], strict=True)) for kind in Kind}
        return {
            "source": self.source,
            **{name: {f"{k:g}": round(v, 4) for k, v in row.items()} for name, row in rows.items()},
        }


def timed(make: Callable[[], ir.Model], ratio: Ratio, source: str) -> LatencyTable:
    """The table of this machine; `make` gives the whole fp32 graph, a new one each time."""
    shares: dict[Kind, tuple[float, ...]] = {}
    times: dict[Kind, tuple[float, ...]] = {}
    for kind in Kind:
        found = {1.0: 1.0}
        for share in SHARES:
            model = make()
            left = _narrowed(model, kind, share)
            if left not in found:  # of few structures, two shares may be the same
                found[left] = ratio(model)
        shares[kind] = tuple(sorted(found))
        rate = rate_of(found)
        times[kind] = tuple(1.0 - rate * (1.0 - share) for share in shares[kind])
    return LatencyTable(shares, times, source)


def rate_of(found: Mapping[float, float]) -> float:
    """What the whole network's time falls by, as a share of it, for all structures of one kind: 0 or more.

    Args:
        found: share of structures -> time as a share of the whole network's.
    """
    gone = np.array([1.0 - share for share in found])
    saved = np.array([1.0 - time for time in found.values()])
    return max(0.0, float(gone @ saved) / max(float(gone @ gone), 1e-12))


def by_arithmetic(sublayers: Sequence[Sublayer], tokens: int) -> LatencyTable:
    """Where no engine of the target runs here: multiplications of texts of so many tokens."""
    work = {kind: sum(products_of(each, tokens) for each in sublayers if each.kind is kind) for kind in Kind}
    total = sum(work.values())
    ends = dict.fromkeys(Kind, (0.0, 1.0))
    times = {kind: (1 - work[kind] / total, 1.0) for kind in Kind}
    return LatencyTable(ends, times, f"arithmetic of texts of {tokens} tokens: no engine of the target runs here")


def products_of(sublayer: Sublayer, tokens: int) -> float:
    """Multiplications for each token, in texts of so many."""
    weights = sum(product.matrix().size for product in sublayer.first) + sublayer.second.matrix().size
    scores = 2 * tokens * sublayer.groups * sublayer.size if sublayer.kind is Kind.ATTENTION else 0
    return float(weights + scores)


def _narrowed(model: ir.Model, kind: Kind, share: float) -> float:
    """Slice a graph to so much of one kind, whichever; the share that is left."""
    groups = left = 0
    for sublayer in find_sublayers(model):
        if sublayer.kind is not kind:
            continue
        step = step_of(sublayer)
        number = max(round(sublayer.groups * share / step), 1) * step
        matrix = sublayer.second.matrix().copy()
        matrix[number * sublayer.size :] = 0
        weight = sublayer.second.weight
        weight.const_value = ir.tensor(matrix, name=weight.name)
        groups, left = groups + sublayer.groups, left + min(number, sublayer.groups)
    remove_dead(model)
    return left / groups
