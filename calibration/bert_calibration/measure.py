"""Trying plans: each becomes a graph, and what is asked of it is measured against the fp32 artefact."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_calibration.accuracy import Drop
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.batches import Batch, batches_of
from bert_calibration.convert import Conversion, convert
from bert_calibration.owned_folder import scratch_folder
from bert_calibration.plans import Plan
from bert_calibration.products import find_points
from bert_calibration.quality import measure_of
from bert_calibration.quality.divergence import Divergence
from bert_calibration.ranges import Ranges
from bert_calibration.speed import speed_up
from bert_runtime.backends.engine import Engine
from bert_runtime.schedule import BatchLimits
from bert_runtime.tasks.request import Request

Judge = Callable[[Sequence[Any], Sequence[Any]], Drop]
"""(results, fp32's results) of the same requests, in order -> how much worse the first are."""

AnyT = TypeVar("AnyT")

TIMED, COMPARED, RANKED = 8, 16, 6
"""Batches of which the speed is taken, of which outputs are compared, and of which points are ranked."""

SMALL = BatchLimits(max_batch_tokens=1024, max_batch_size=64)
"""Of batches whose outputs are compared: what changes with every bit needs fewer texts than answers do."""


@dataclass(frozen=True)
class VariantBuilder:
    """Where the variants of one artefact are made.

    Attributes:
        baseline: the fp32 artefact.
        ranges: of its activations, or None.
        output: the file of the variant that is kept.
    """

    baseline: BaselineArtefact
    ranges: Ranges | None
    output: Path

    @cached_property
    def points(self) -> dict[str, int]:
        """The names of the graph's points, in order, and how many weights each holds."""
        return {point.name: point.weights for point in find_points(ir.load(self.baseline.path))}

    def make(self, plan: Plan, output: Path | None = None) -> Conversion:
        """Write the variant of a plan: to `output`, or to the builder's own.

        Raises:
            QuantizationError: see `convert`.
        """
        model = self.baseline.graph()
        made = convert(model, self.baseline.artefact.target, plan, self.ranges)
        if self.baseline.mixed_precision is not None:
            self.baseline.mixed_precision.narrow(model)
        ir.save(model, output or self.output)
        return made

    @contextmanager
    def measuring(
        self, requests: Sequence[Request], judge: Judge, reference: Sequence[Any] | None = None
    ) -> Iterator[Measured]:
        """Measures of plans, on these requests, against fp32, whose answers may be known already."""
        rows = self.baseline.rows(requests)
        pad = self.baseline.text.pad_id
        timed = _some(batches_of(rows, pad, BatchLimits()), TIMED)
        compared = _some(batches_of(rows, pad, SMALL), COMPARED)
        apart = measure_of(self.baseline.task, self.baseline.record.settings).divergence
        with ExitStack() as closing:
            folder = closing.enter_context(scratch_folder())
            engine = closing.enter_context(self.baseline.engine())
            if reference is None:
                reference = self.baseline.answers(engine, requests)
            variant = _Variant(self, folder / "variant.onnx")
            closing.callback(variant.close)
            yield Measured(engine, variant, judge, apart, _Asked(tuple(requests), reference, timed, compared))


@dataclass(frozen=True)
class _Asked:
    """The requests, fp32's results, and an even choice of the same requests as batches."""

    requests: Sequence[Request]
    reference: Sequence[Any]
    timed: Sequence[Batch]
    compared: Sequence[Batch]


class _Variant:
    """The graph of one plan, loaded: it stays until another plan is asked for."""

    def __init__(self, builder: VariantBuilder, file: Path) -> None:
        """`file` is where graphs are written."""
        self.builder, self._file = builder, file
        self._loaded: tuple[Plan, Engine] | None = None
        self._open = ExitStack()

    def engine(self, plan: Plan) -> Engine:
        """The plan's."""
        if self._loaded is None or self._loaded[0] != plan:
            self.close()
            self.builder.make(plan, self._file)
            self._loaded = (plan, self._open.enter_context(self.builder.baseline.engine(self._file)))
        return self._loaded[1]

    def close(self) -> None:
        """Let the engine go."""
        self._open.close()
        self._loaded = None


@dataclass(frozen=True)
class Measured:
    """See `trials.Measures`: each plan's graph is made, asked, and dropped.

    Attributes:
        engine: fp32's.
    """

    engine: Engine
    variant: _Variant
    judge: Judge
    apart: Divergence
    asked: _Asked
    _outputs: dict[int, dict[str, NDArray[np.float32]]] = field(default_factory=dict)

    def drop(self, plan: Plan) -> Drop:
        """What the judge says of the plan's answers."""
        answers = self._baseline.answers(self.variant.engine(plan), self.asked.requests)
        return self.judge(answers, self.asked.reference)

    def speed(self, plan: Plan) -> float:
        """How many times as fast as fp32, on an even choice of the batches."""
        feeds = [self._feeds(batch) for batch in self.asked.timed]
        return speed_up(self.variant.engine(plan), self.engine, feeds, self._names)

    def divergence(self, plan: Plan) -> float:
        """The mean over positions of how far each output is from fp32's, summed over outputs; padding excluded.
        Infinite where an output is no number."""
        return self._apart(plan, range(len(self.asked.compared)))

    def glance(self, plan: Plan) -> float:
        """The divergence of fewer texts, an even choice: enough to say which point is worse than another."""
        return self._apart(plan, _some(range(len(self.asked.compared)), RANKED))

    def _apart(self, plan: Plan, numbers: Sequence[int]) -> float:
        engine, found = self.variant.engine(plan), dict[str, list[NDArray[np.float64]]]()
        for number in numbers:
            batch = self.asked.compared[number]
            outputs = engine.run(self._feeds(batch), self._names)
            for name, expected in self._expected(number, batch).items():
                kept = _kept(batch, self._axes[name], len(expected))
                found.setdefault(name, []).append(self.apart(outputs[name], expected, kept))
        total = sum(float(np.concatenate(values).mean()) for values in found.values())
        return total if np.isfinite(total) else math.inf

    def _expected(self, number: int, batch: Batch) -> dict[str, NDArray[np.float32]]:
        if number not in self._outputs:
            self._outputs[number] = self.engine.run(self._feeds(batch), self._names)
        return self._outputs[number]

    @property
    def _baseline(self) -> BaselineArtefact:
        return self.variant.builder.baseline

    @property
    def _axes(self) -> dict[str, tuple[str, ...]]:
        return {spec.name: spec.axes for spec in self._baseline.artefact.outputs}

    @property
    def _names(self) -> list[str]:
        return [spec.name for spec in self._baseline.artefact.outputs]

    def _feeds(self, batch: Batch) -> dict[str, NDArray[np.int64]]:
        return {spec.name: batch.feeds[spec.name] for spec in self._baseline.artefact.inputs}


def _kept(batch: Batch, axes: Sequence[str], rows: int) -> NDArray[np.bool_]:
    """Which leading positions of an output with these axes are no padding; all of the rows where no axis is padded."""
    mask = {"sequence": batch.tokens, "masks": batch.masks}.get(axes[1])
    return np.ones(rows, dtype=np.bool_) if mask is None else mask


def _some(batches: Sequence[AnyT], number: int) -> Sequence[AnyT]:
    """At most so many, evenly over all lengths."""
    step = max(1, len(batches) // number)
    return batches[step // 2 :: step][:number]
