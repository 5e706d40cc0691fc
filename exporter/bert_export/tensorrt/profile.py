"""An optimisation profile: which sizes of each axis an engine of TensorRT is built for. No torch here."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bert_export.errors import OptionError
from bert_runtime.manifest import Graph
from bert_runtime.tasks.task import Features
from bert_runtime.tasks.tensors import REQUEST_AXES, TensorSpec

EMPTY_ALLOWED = frozenset({"past"})
"""Axes that may have no element: a cache before the first token."""

DERIVED = "total"
"""The axis that is the sum of two others: of `past` and `sequence`."""

GRAIN = 8
"""Tensor cores compute on multiples of it."""

MASKED_SHARE = 0.15
"""The share of tokens that BERT's pretraining masks (Devlin et al., 2019)."""

USUAL = 0.9
"""The share of calibration rows that are no larger than the usual size."""

_ENTRY = re.compile(r"([a-z]+)=(\d{1,9}):(\d{1,9}):(\d{1,9})")
EXAMPLE = "batch=1:8:32,sequence=16:128:384"


@dataclass(frozen=True)
class Bounds:
    """The sizes of one axis: the smallest and the largest that the engine takes, and the one that it is tuned for."""

    min: int
    opt: int
    max: int

    @property
    def points(self) -> tuple[int, int, int]:
        """min, opt, max."""
        return self.min, self.opt, self.max


@dataclass(frozen=True)
class Profile:
    """The sizes of every axis that changes with the request.

    Attributes:
        axes: axis -> its bounds, in the order of the graphs' inputs.
        origin: a sentence on where they come from.
    """

    axes: Mapping[str, Bounds]
    origin: str


@dataclass(frozen=True)
class Shapes:
    """The shapes of one input at the three points of a profile."""

    min: tuple[int, ...]
    opt: tuple[int, ...]
    max: tuple[int, ...]

    @property
    def points(self) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        """min, opt, max."""
        return self.min, self.opt, self.max


def parse_profile(text: str) -> dict[str, Bounds]:
    """The axes of `batch=1:8:32,sequence=16:128:384`.

    Raises:
        OptionError: every entry that is none, or whose numbers are in no order.
    """
    axes: dict[str, Bounds] = {}
    problems: list[str] = []
    for entry in text.split(","):
        found = _ENTRY.fullmatch(entry.strip())
        if found is None:
            problems.append(f"{entry.strip()!r:.60} is no AXIS=MIN:OPT:MAX")
            continue
        axis, bounds = found[1], Bounds(*(int(found[i]) for i in (2, 3, 4)))
        problems += _entry_problems(axis, bounds)
        if axis in axes:
            problems.append(f"{axis} is given twice")
        axes[axis] = bounds
    if problems:
        raise OptionError(f"--profile: {'; '.join(problems)}; expected such as {EXAMPLE}")
    return axes


def profile_of(
    inputs: Sequence[TensorSpec], max_length: int, wanted: Mapping[str, Bounds], rows: Sequence[Features] = ()
) -> Profile:
    """What is `wanted` of a graph's inputs, else the sizes of calibration `rows`, else what suits the model.

    Rows move the size that the engine is tuned for. The smallest is 1 and the largest sequence the model's longest,
    unless they were wanted otherwise: an engine refuses what is outside its profile, and a text that the model can read
    must not be refused.

    Raises:
        OptionError: an axis that the graph lacks, or sizes that contradict the model or each other: all problems.
    """
    used = dict.fromkeys(axis for spec in inputs for axis in spec.axes if axis in REQUEST_AXES)
    seen, usual = _seen(rows, max_length), _usual(max_length)
    found = {axis: wanted.get(axis) or seen.get(axis) or usual[axis] for axis in used if axis in usual}
    if "sources" in used:
        found["sources"] = wanted.get("sources", found["batch"])
    if DERIVED in used:
        pairs = zip(found["past"].points, found["sequence"].points, strict=True)
        found[DERIVED] = Bounds(*(past + new for past, new in pairs))
    problems = list(_problems(found, used, max_length, wanted))
    if problems:
        raise OptionError(f"--profile: {'; '.join(problems)}")
    report = [f"--profile ({', '.join(axis for axis in used if axis in wanted)})"] if wanted else []
    report += [f"the sizes of {len(rows)} calibration rows"] if rows else []
    others = any(axis not in wanted and axis not in seen for axis in used)
    return Profile(
        {axis: found[axis] for axis in used}, ", ".join([*report, *(["the model's limits"] if others else [])])
    )


def shapes_of(graph: Graph, profile: Profile, sizes: Mapping[str, int]) -> dict[str, Shapes]:
    """Input -> its shapes; `sizes` are those of the axes that belong to the checkpoint."""
    fixed = {axis: Bounds(size, size, size) for axis, size in sizes.items()}
    bounds = {**fixed, **profile.axes}
    return {
        spec.name: Shapes(*(tuple(bounds[axis].points[i] for axis in spec.axes) for i in range(3)))
        for spec in graph.inputs
    }


def _entry_problems(axis: str, bounds: Bounds) -> Iterator[str]:
    if axis not in REQUEST_AXES or axis == DERIVED:
        axes = ", ".join(sorted(REQUEST_AXES - {DERIVED}))
        yield f"{axis} is no axis that a request changes, which are {axes}"
    least = 0 if axis in EMPTY_ALLOWED else 1
    if not least <= bounds.min <= bounds.opt <= bounds.max or bounds.max < 1:
        yield f"{axis} is {bounds.min}:{bounds.opt}:{bounds.max}, expected {least} <= MIN <= OPT <= MAX"


def _problems(
    found: Mapping[str, Bounds], used: Mapping[str, None], max_length: int, wanted: Mapping[str, Bounds]
) -> Iterator[str]:
    """What is wrong with sizes that are right by themselves."""
    for axis in wanted:
        if axis not in used:
            yield f"the graph has no axis {axis}; it has {', '.join(axis for axis in used if axis != DERIVED)}"
    for axis in ("sequence", "past", "masks"):
        if axis in found and found[axis].max > max_length:
            yield f"{axis} is up to {found[axis].max}, expected at most {max_length}, the longest that the model reads"
    if "sources" in found:
        pairs = zip(found["batch"].points, found["sources"].points, strict=True)
        if any(rows % sources for rows, sources in pairs):
            yield "batch is no multiple of sources at each of MIN, OPT and MAX, expected equally many rows of a source"


def _usual(max_length: int) -> dict[str, Bounds]:
    """What suits a model that reads `max_length` tokens, where nothing is known of its texts."""
    masks = _up(math.ceil(MASKED_SHARE * max_length), max_length)
    return {
        "batch": Bounds(1, 8, 32),
        "choices": Bounds(1, 4, 8),
        "sequence": Bounds(1, min(128, max_length), max_length),
        "masks": Bounds(1, min(GRAIN, masks), masks),
        "past": Bounds(0, min(128, max_length), max_length),
        "source": Bounds(1, min(128, max_length), max_length),
    }


def _seen(rows: Sequence[Features], max_length: int) -> dict[str, Bounds]:
    """Of calibration rows: the usual size covers nine of ten of them, so that one long row does not decide."""
    usual, found = _usual(max_length), dict[str, Bounds]()
    lengths = sorted(row.ids.shape[-1] for row in rows)
    if lengths:
        found["sequence"] = Bounds(1, _up(_quantile(lengths), max_length), max_length)
    choices = sorted(row.ids.shape[0] for row in rows if row.ids.ndim == 2)
    if choices:
        found["choices"] = Bounds(1, _quantile(choices), max(choices[-1], usual["choices"].max))
    masks = sorted(len(row.positions) for row in rows if row.positions is not None)
    if masks:
        found["masks"] = Bounds(1, _quantile(masks), max(masks[-1], usual["masks"].max))
    return found


def _quantile(ordered: Sequence[int]) -> int:
    return ordered[math.ceil(USUAL * len(ordered)) - 1]


def _up(number: int, limit: int) -> int:
    """The next multiple of GRAIN, within the limit."""
    return min(-(-number // GRAIN) * GRAIN, limit)


def to_json(profile: Profile) -> dict[str, dict[str, int]]:
    """Axis -> min, opt, max, as plain JSON values."""
    return {axis: dataclasses.asdict(bounds) for axis, bounds in profile.axes.items()}
