"""Making, timing and judging pruned networks of one fp32 artefact, in the precision that they will have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from bert_calibration.accuracy import Drop
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.batches import Batch, batches_of
from bert_calibration.config import QuantizationConfig
from bert_calibration.convert import convert
from bert_calibration.products import find_points
from bert_calibration.pruning.importance import Answers
from bert_calibration.pruning.latency import products_of
from bert_calibration.pruning.search import Point, Trial
from bert_calibration.pruning.slicing import remove_dead
from bert_calibration.pruning.sublayers import find_sublayers
from bert_calibration.pruning.walk import Curve, Widths, apply, masks_for
from bert_calibration.quality import measure_of
from bert_calibration.quantize import Evidence, quantize
from bert_calibration.ranges import Range, Ranges
from bert_calibration.speed import speed_up
from bert_calibration.targets import choose
from bert_runtime.backends.engine import Engine
from bert_runtime.backends.select import start
from bert_runtime.cpus import available_cpus
from bert_runtime.manifest import Artefact
from bert_runtime.schedule import BatchLimits
from bert_runtime.targets import find_target
from bert_runtime.tasks.request import Request

TIMED, COMPARED = 4, 6
"""Batches that are timed, and batches whose outputs are compared."""

RANGED = 128
"""Requests that ranges are taken from."""

SMALL = BatchLimits(max_batch_tokens=1024, max_batch_size=64)
"""Of batches that are timed: a round takes a fraction of a second, so that there are several of them."""


@dataclass(frozen=True)
class Pruner:
    """What pruned networks are made of, and judged by.

    Attributes:
        baseline: the whole network in fp32.
        precision: of what is made: fp32, bf16 or int8.
        config: how int8 is made; its constraint is the whole's.
        evidence: what fits the weights, and what judges.
        folder: where graphs are written.
    """

    baseline: BaselineArtefact
    precision: str
    config: QuantizationConfig
    evidence: Evidence
    folder: Path

    @cached_property
    def batches(self) -> list[Batch]:
        """The texts that weights are fitted to."""
        return batches_of(self.baseline.rows(self.evidence.calibration), self.baseline.text.pad_id)

    @property
    def answers(self) -> Answers:
        """What importance is measured on."""
        apart = measure_of(self.baseline.task, self.baseline.record.settings).divergence
        return Answers(_some(self.batches, COMPARED), self.baseline.artefact.outputs, apart)

    @property
    def has_engine(self) -> bool:
        """Whether the engine of the target runs on this machine."""
        return not find_target(self.baseline.artefact.target).is_on_gpu

    @cached_property
    def tokens(self) -> int:
        """The mean length of the texts."""
        rows = sum(batch.tokens.reshape(-1, batch.tokens.shape[-1]).shape[0] for batch in self.batches)
        return max(1, round(sum(int(batch.tokens.sum()) for batch in self.batches) / rows))

    @contextmanager
    def timing(self) -> Iterator[Timer]:
        """A clock beside the whole network in the same precision."""
        feeds = [
            {spec.name: batch.feeds[spec.name] for spec in self.baseline.artefact.inputs}
            for batch in _some(
                batches_of(self.baseline.rows(self.evidence.judged[:RANGED]), self.baseline.text.pad_id, SMALL),
                TIMED,
            )
        ]
        names = [spec.name for spec in self.baseline.artefact.outputs]
        with ExitStack() as closing:
            whole = start(*self.converted(self.baseline.graph(), "whole"), available_cpus())
            closing.callback(whole.close)
            yield Timer(self, whole, feeds, names)

    def converted(self, graph: ir.Model, name: str) -> tuple[Path, Artefact]:
        """A graph in the precision, with ranges of no meaning: for the time alone."""
        artefact = self.baseline.artefact
        if self.precision == "int8":
            plan = choose(self.config, artefact.target, has_data=True)
            convert(graph, artefact.target, plan, any_ranges(graph))
        return self.folder, self._written(graph, name)

    def _written(self, graph: ir.Model, name: str) -> Artefact:
        file = f"{name}.onnx"
        ir.save(graph, self.folder / file)
        return replace(self.baseline.artefact, precision=self.precision, file=file, data=(), sequence_packing=None)

    def drop(self, graph: ir.Model) -> tuple[Artefact, Drop]:
        """A sliced graph in the precision, on disk, and what it loses."""
        if self.precision != "int8":
            artefact = self._written(graph, "pruned")
            return artefact, self.judged(artefact)
        base = replace(self._written(graph, "pruned"), precision="fp32")
        output = self.folder / "rounded.onnx"
        lax = replace(self.config, max_drop=1.0, mixtures=False, min_speed=None, accept_unproven=True)
        evidence = replace(self.evidence, calibration=ranged(self.evidence.calibration))
        made = quantize(replace(self.baseline, directory=self.folder, artefact=base), lax, evidence, output)
        assert made.search is not None
        drop = made.search.trials[-1].drop
        assert drop is not None
        return replace(base, precision="int8", file=output.name), drop

    def judged(self, artefact: Artefact) -> Drop:
        """What an artefact in `folder` loses against the whole network."""
        engine = start(self.folder, artefact, available_cpus())
        try:
            answers = self.baseline.answers(engine, self.evidence.judged)
        finally:
            engine.close()
        return self.evidence.judge(answers, self.reference)

    @property
    def reference(self) -> Sequence[Any]:
        """The whole network's answers."""
        assert self.evidence.reference is not None
        return self.evidence.reference

    def attempt(self, curves: Sequence[Curve], timer: Timer | None) -> Callable[[float, Widths], Trial]:
        """How a search tries widths."""
        batches, tokens = self.batches, self.tokens
        whole = sum(products_of(each, tokens) for each in find_sublayers(self.baseline.graph()))

        def attempt(asked: float, widths: Widths) -> Trial:
            graph = self.baseline.graph()
            masks = masks_for(graph, batches, curves, widths)
            apply(graph, masks)
            layers = remove_dead(graph)
            products = sum(products_of(each, tokens) for each in find_sublayers(graph)) / whole
            artefact, drop = self.drop(graph)
            speed = None if timer is None else timer.speed(artefact)
            accuracy = self.config.constraint.judged(drop)
            return Trial(Point(asked, speed, products, layers, accuracy), masks)

        return attempt


@dataclass(frozen=True)
class Timer:
    """Times graphs beside the whole network, which stays loaded."""

    pruner: Pruner
    whole: Engine
    feeds: Sequence[dict[str, Any]]
    names: Sequence[str]

    def ratio(self, graph: ir.Model) -> float:
        """How long a sliced fp32 graph takes once it is converted, as a share of the whole network's time."""
        _, artefact = self.pruner.converted(graph, "timed")
        return 1.0 / self.speed(artefact)

    def speed(self, artefact: Artefact) -> float:
        """How many times as fast as the whole network."""
        engine = start(self.pruner.folder, artefact, available_cpus())
        try:
            return speed_up(engine, self.whole, self.feeds, self.names)
        finally:
            engine.close()


def ranged(requests: Sequence[Request]) -> Sequence[Request]:
    """RANGED of them at most, evenly: ranges need fewer than weights."""
    return [requests[i * len(requests) // RANGED] for i in range(RANGED)] if len(requests) > RANGED else requests


def any_ranges(graph: ir.Model) -> Ranges:
    """Ranges that make a graph of the right operators."""
    points = find_points(graph)
    widths = {point.name: point.products[0].matrix().shape[0] for point in points}
    ones = {name: tuple(np.ones(width).tolist()) for name, width in widths.items()}
    return Ranges("smooth", "", 0, {name: Range(-4.0, 4.0, ones[name], ones[name]) for name in widths})


def _some(batches: Sequence[Batch], number: int) -> list[Batch]:
    """At most so many, evenly over all lengths."""
    step = max(1, len(batches) // number)
    return list(batches[step // 2 :: step][:number])
