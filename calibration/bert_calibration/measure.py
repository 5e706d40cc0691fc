"""Trying plans: each becomes a graph, and what is asked of it is measured against the fp32 artefact."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_calibration.batches import Batch, batches_of
from bert_calibration.convert import Conversion, convert
from bert_calibration.plans import Plan
from bert_calibration.products import find_sites
from bert_calibration.ranges import Ranges
from bert_calibration.speed import speed_up
from bert_calibration.subject import Subject
from bert_runtime.backends.engine import Engine
from bert_runtime.schedule import Budget
from bert_runtime.tasks.request import Request

Judge = Callable[[Sequence[Any], Sequence[Any]], float]
"""(results, fp32's results) of the same requests, in order -> how much worse the first are; 0 for equally good."""

TIMED, COMPARED = 8, 16
"""Batches of which the speed is taken, and of which logits are compared."""


@dataclass(frozen=True)
class Workshop:
    """Where the variants of one artefact are made.

    Attributes:
        subject: the fp32 artefact.
        ranges: of its activations, or None.
        output: the file of the variant that is kept.
    """

    subject: Subject
    ranges: Ranges | None
    output: Path

    @cached_property
    def sites(self) -> list[str]:
        """The names of the graph's sites, in order."""
        return [site.name for site in find_sites(ir.load(self.subject.path))]

    def make(self, plan: Plan, output: Path | None = None) -> Conversion:
        """Write the variant of a plan: to `output`, or to the workshop's own.

        Raises:
            QuantizationError: see `convert`.
        """
        model = self.subject.graph()
        made = convert(model, self.subject.artefact.target, plan, self.ranges)
        if self.subject.floats is not None:
            self.subject.floats.narrow(model)
        ir.save(model, output or self.output)
        return made

    @contextmanager
    def measuring(
        self, requests: Sequence[Request], judge: Judge, reference: Sequence[Any] | None = None
    ) -> Iterator[Measured]:
        """Measures of plans, on these requests, against fp32, whose answers may be known already."""
        rows = self.subject.rows(requests)
        batches = batches_of(rows, self.subject.text.pad_id, Budget())
        with tempfile.TemporaryDirectory(prefix="bert-int8-") as folder, self.subject.engine() as engine:
            if reference is None:
                reference = self.subject.answers(engine, requests)
            yield Measured(self, Path(folder), engine, judge, _Asked(tuple(requests), reference, batches))


@dataclass(frozen=True)
class _Asked:
    """The requests, fp32's results, and the same requests as batches."""

    requests: Sequence[Request]
    reference: Sequence[Any]
    batches: Sequence[Batch]


@dataclass(frozen=True)
class Measured:
    """See `budget.Measures`: each plan's graph is made, asked, and dropped."""

    workshop: Workshop
    folder: Path
    engine: Engine
    judge: Judge
    asked: _Asked
    _logits: dict[int, dict[str, NDArray[np.float32]]] = field(default_factory=dict)

    def drop(self, plan: Plan) -> float:
        """What the judge says of the plan's answers."""
        with self._variant(plan) as engine:
            return self.judge(self.workshop.subject.answers(engine, self.asked.requests), self.asked.reference)

    def speed(self, plan: Plan) -> float:
        """How many times as fast as fp32, on an even choice of the batches."""
        with self._variant(plan) as engine:
            feeds = [self._feeds(batch) for batch in _some(self.asked.batches, TIMED)]
            return speed_up(engine, self.engine, feeds, self._outputs)

    def error(self, plan: Plan) -> float:
        """The root mean square of what the logits differ from fp32's, relative to fp32's spread; padding excluded."""
        differences, spreads = [], []
        with self._variant(plan) as engine:
            for number, batch in enumerate(_some(self.asked.batches, COMPARED)):
                found = engine.run(self._feeds(batch), self._outputs)
                for name, expected in self._expected(number, batch).items():
                    kept = _kept(batch, expected)
                    differences.append(np.square(found[name][kept] - expected[kept]).ravel())
                    spreads.append(np.square(expected[kept] - expected[kept].mean()).ravel())
        spread = float(np.concatenate(spreads).mean()) or 1.0
        return float(np.sqrt(np.concatenate(differences).mean() / spread))

    def _expected(self, number: int, batch: Batch) -> dict[str, NDArray[np.float32]]:
        if number not in self._logits:
            self._logits[number] = self.engine.run(self._feeds(batch), self._outputs)
        return self._logits[number]

    @property
    def _outputs(self) -> list[str]:
        return [spec.name for spec in self.workshop.subject.artefact.outputs]

    def _feeds(self, batch: Batch) -> dict[str, NDArray[np.int64]]:
        return {spec.name: batch.feeds[spec.name] for spec in self.workshop.subject.artefact.inputs}

    @contextmanager
    def _variant(self, plan: Plan) -> Iterator[Engine]:
        file = self.folder / "variant.onnx"
        self.workshop.make(plan, file)
        with self.workshop.subject.engine(file) as engine:
            yield engine


def _kept(batch: Batch, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of an output's rows are no padding: of its axes that a mask has, else all."""
    for mask in (batch.tokens, batch.masks):
        if mask is not None and logits.shape[: mask.ndim] == mask.shape:
            return mask
    return np.ones(logits.shape[:1], dtype=np.bool_)


def _some(batches: Sequence[Batch], number: int) -> Sequence[Batch]:
    """At most so many, evenly over all lengths."""
    step = max(1, len(batches) // number)
    return batches[step // 2 :: step][:number]
