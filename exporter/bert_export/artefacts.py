"""One artefact: from a traced graph of its own to a file that is proven to answer as torch does."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_calibration.accuracy import Accuracy
from bert_calibration.baseline import BaselineArtefact, MixedPrecision
from bert_calibration.pruning.slicing import remove_dead
from bert_export.attention_masks import shares_weights
from bert_export.bundle_writer import MODEL_FILE, graph_file
from bert_export.checkpoint import Checkpoint
from bert_export.context import ExportContext, Made
from bert_export.cross_kv_graph import fixed_sizes
from bert_export.errors import GateError
from bert_export.int8 import make_int8, quality_of
from bert_export.options import Variant
from bert_export.passes import fuse
from bert_export.passes.fusion_gate import Network, check_folded, check_fusions, count_fusions, expected_fusions
from bert_export.precision.emulate import emulated
from bert_export.precision.half import to_half
from bert_export.precision.mixed import half_around_int8
from bert_export.precision.overflow import Feeds
from bert_export.precision.single_precision import MixedPrecisionStep, mixed_precision_steps
from bert_export.pruned import Pruned, for_ranges, provenance_of
from bert_export.report import ArtefactReport
from bert_export.rewrite.pooling import outputs_of
from bert_export.right_padded import Start, by_masks
from bert_export.saving import LARGEST_FILE, save
from bert_export.sequence_packing import pack_sequences_of
from bert_export.tensorrt.compiled import compiled
from bert_export.trace import OPSET
from bert_export.verify import ArtefactUnderTest, Parity, verify
from bert_runtime.backends.openvino import OpenVinoEngine
from bert_runtime.backends.select import start
from bert_runtime.cpus import available_cpus
from bert_runtime.errors import InputError
from bert_runtime.manifest import Artefact, Contents, ModelRecord
from bert_runtime.schedule import collate
from bert_runtime.targets import find_target
from bert_runtime.tasks.task import Features
from bert_runtime.tasks.tensors import expand
from bert_runtime.text import TextEncoder


def make(checkpoint: Checkpoint, graph: ir.Model, variant: Variant, context: ExportContext) -> tuple[Made, ...]:
    """Fuse, convert, verify: one artefact, or two that differ in the masks that they answer.

    Args:
        graph: the traced and folded graph, which is changed.

    Raises:
        GateError: a fusion is missing, the artefact does not answer as torch does, or its engine refuses it.
    """
    with context.stages.stage("fuse"):
        done = fuse(graph, variant.target)
        network = Network.of(checkpoint.task, checkpoint.config, context.plain)
        check_folded(done.counts, network, variant.target)
        check_fusions(graph, expected_fusions(network, variant.target))
        layers = () if checkpoint.task.is_autoregressive else remove_dead(graph)
    made = dataclasses.replace(PRECISIONS[variant.precision](checkpoint, graph, variant, context), layers=layers)
    if context.pruned is not None and variant.precision != "int8":  # which is judged while it is made
        made = dataclasses.replace(made, accuracy=_judged(made, context.pruned, context))
    if find_target(variant.target).has_profile:
        return (_with_profile(checkpoint, made, context),)
    if variant.precision != "int8":  # whose second graph is made with it
        made = _with_sequence_packing(checkpoint, made, context)
    return by_masks(made, network, context, _ArtefactBuilder(checkpoint, variant, context).verify)


def _judged(made: Made, pruned: Pruned, context: ExportContext) -> Accuracy:
    """The verdict on a pruned network in floating point."""
    with context.stages.stage("judge"):
        return pruned.check(context.folder, made.artefact, context.quantization)


def _with_profile(checkpoint: Checkpoint, made: Made, context: ExportContext) -> Made:
    """The artefact with the profile of its engine, which the engine's own builder has accepted if it is here."""
    baseline = _baseline(checkpoint, made, context.folder)
    how = context.quantization
    with context.stages.stage("build"):
        found = compiled(baseline, context.profile, how.calibrate, how.limit)
    report = dataclasses.replace(made.report, kernels=found.report, profile=found.record)
    return dataclasses.replace(made, files={**made.files, **found.files}, report=report, profile=found.profile)


def _single(checkpoint: Checkpoint, graph: ir.Model, variant: Variant, context: ExportContext) -> Made:
    builder = _ArtefactBuilder(checkpoint, variant, context)
    with context.stages.stage("fuse"):
        written = save(graph, builder.path, builder.largest)
    with context.stages.stage("verify"):
        parity = builder.verify(builder.artefact(written))
    return builder.made(graph, written, parity)


def _half(checkpoint: Checkpoint, graph: ir.Model, variant: Variant, context: ExportContext) -> Made:
    return _narrowed(checkpoint, graph, variant, context)[0]


def _narrowed(
    checkpoint: Checkpoint, graph: ir.Model, variant: Variant, context: ExportContext
) -> tuple[Made, MixedPrecisionStep]:
    """As few nodes in single precision as the gate accepts; what it judges is what a GPU computes, emulated."""
    builder = _ArtefactBuilder(checkpoint, variant, context)
    failure: GateError | None = None
    for step in mixed_precision_steps(graph, builder.texts):
        narrow = graph.clone()
        with context.stages.stage("convert"):
            to_half(narrow, step.kept)
            written = save(narrow, builder.path, builder.largest)
            stand_in = save(emulated(narrow), builder.path.with_name("emulated.onnx"))
        try:
            with context.stages.stage("verify"):
                parity = builder.verify(builder.artefact(stand_in))
                builder.verify(builder.artefact(written), sweep=False)
        except GateError as error:
            failure = error
            continue
        return builder.made(graph, written, parity, step.reason), step
    assert failure is not None  # there is always a first step
    raise failure


def _int8(checkpoint: Checkpoint, graph: ir.Model, variant: Variant, context: ExportContext) -> Made:
    """The fp32 artefact, verified, and what quantisation makes of it; only the latter goes into the bundle."""
    folder = context.folder / f"fp32-{variant.target}"
    folder.mkdir()
    base = _single(checkpoint, graph, Variant(variant.target, "fp32"), dataclasses.replace(context, folder=folder))
    mixed_precision, kept = _floats(checkpoint, graph, variant, context)
    builder = _ArtefactBuilder(checkpoint, variant, context)
    baseline = dataclasses.replace(_baseline(checkpoint, base, folder), mixed_precision=mixed_precision)
    with context.stages.stage("quantize"):
        judged = None if context.pruned is None else for_ranges(context.pruned.judged)
        made = make_int8(baseline, context.quantization, builder.path, judged)
    report = dataclasses.replace(base.report, kept=kept, int8=made.report, sequence_packing=made.sequence_packing)
    return Made(made.artefact, made.files, base.sizes, report)


def _floats(
    checkpoint: Checkpoint, graph: ir.Model, variant: Variant, context: ExportContext
) -> tuple[MixedPrecision | None, str]:
    """What is around the integers, and what stays in single precision there: half precision wherever the parity gate
    accepts it, with all that it keeps in single."""
    if find_target(variant.target).int8_float_precision != "fp16":
        return None, ""
    folder = context.folder / f"fp16-{variant.target}"
    folder.mkdir()
    try:
        half = dataclasses.replace(variant, precision="fp16")
        _, step = _narrowed(checkpoint, graph, half, dataclasses.replace(context, folder=folder))
    except GateError:
        return None, "everything around the integers, as half precision does not answer as torch does"
    return half_around_int8(graph, step.kept), step.reason


def _with_sequence_packing(checkpoint: Checkpoint, made: Made, context: ExportContext) -> Made:
    """The artefact with the graph for texts that share a row, if its target gains by one."""
    baseline = _baseline(checkpoint, made, context.folder)
    with context.stages.stage("verify"):
        shared = pack_sequences_of(baseline)
    if shared is None:
        return made
    report = dataclasses.replace(made.report, sequence_packing=shared.report)
    return dataclasses.replace(made, artefact=shared.artefact, files=shared.files, report=report)


Maker = Callable[[Checkpoint, ir.Model, Variant, ExportContext], Made]

PRECISIONS: Mapping[str, Maker] = {"fp32": _single, "bf16": _single, "fp16": _half, "int8": _int8}


def record_of(checkpoint: Checkpoint, sizes: Mapping[str, int]) -> ModelRecord:
    """What the artefacts of a checkpoint share; `sizes` are those of their fixed axes."""
    task, settings, tokenizer = checkpoint.task.name, checkpoint.settings, checkpoint.tokenizer.record
    return ModelRecord(task=task, settings=settings, sizes=sizes, tokenizer=tokenizer)


def contents_of(checkpoint: Checkpoint, made: Sequence[Made]) -> Contents:
    """What the bundle of these artefacts says of itself."""
    provenance = dataclasses.asdict(checkpoint.provenance)
    provenance["versions"] |= {"bert-export": version("bert-export")}
    provenance |= provenance_of(next((each.layers for each in made), ()))
    record = record_of(checkpoint, {axis: size for each in made for axis, size in each.sizes.items()})
    return Contents(
        **vars(record),
        artefacts=tuple(each.artefact for each in made),
        provenance=provenance,
        verification={
            "artefacts": [each.report.to_manifest() for each in made],
            "text": dataclasses.asdict(checkpoint.text),
        },
        quality=quality_of([(each.artefact, each.report.int8) for each in made]),
    )


def text_of(checkpoint: Checkpoint) -> TextEncoder:
    """The checkpoint's tokenizer as a runtime reads it."""
    return checkpoint.tokenizer.encoder()


def _baseline(checkpoint: Checkpoint, made: Made, folder: Path) -> BaselineArtefact:
    return BaselineArtefact(folder, made.artefact, record_of(checkpoint, made.sizes), text_of(checkpoint))


class _ArtefactBuilder:
    """What every way of making an artefact needs: its record, torch beside it, and the report at the end."""

    def __init__(self, checkpoint: Checkpoint, variant: Variant, context: ExportContext) -> None:
        self._task, self._settings, self._variant = checkpoint.task, checkpoint.settings, variant
        self._plain, folder, self._source = context.plain, context.folder, context.cross_kv_graph
        self._layers = checkpoint.family.value(checkpoint.config, "num_hidden_layers")
        self._family, self._model = checkpoint.family, checkpoint.model
        self._kernels = ""
        self.path = folder / graph_file(variant.target, first=not (folder / MODEL_FILE).exists())
        self.largest = 0 if shares_weights(variant.target, context.masks) else LARGEST_FILE
        self._head = checkpoint.task.head(text_of(checkpoint), checkpoint.settings)
        self._reference = context.reference

    def artefact(self, written: list[str]) -> Artefact:
        """The record of an artefact whose graph is the first of `written`, its external data the others."""
        reads_source = self._source is not None
        inputs = expand(self._family.inputs(self._task, self._plain, reads_source), self._layers)
        outputs = expand(outputs_of(self._model, self._task, self._plain), self._layers)
        target, precision = self._variant.target, self._variant.precision
        record = Artefact(target, precision, written[0], tuple(written[1:]), inputs, outputs, "any", OPSET, self._plain)
        return record if self._source is None else dataclasses.replace(record, cross_kv_graph=self._source.record)

    def verify(self, artefact: Artefact, sweep: bool = True, start_own: Start = start) -> Parity:
        """The parity gate; without `sweep` on real texts alone. `start_own` starts the artefact's own graph."""
        folder, source = self.path.parent, artefact.cross_kv_artefact
        engine = start_own(folder, artefact, available_cpus())
        reader = None if source is None else start(folder, source, available_cpus())
        if isinstance(engine, OpenVinoEngine):
            self._kernels = f"{engine.name} runs {engine.fused_attentions} of {self._layers} attentions as one kernel"
        try:
            return verify(ArtefactUnderTest(self._task, self._head, artefact, engine, reader), self._reference, sweep)
        finally:
            for each in (engine, reader):
                if each is not None:
                    each.close()

    def texts(self) -> list[Feeds]:
        """The graph's inputs for the task's examples; a cache is empty, and encoder states are random."""
        sizes, random = {"batch": 1, "past": 0, "source": 12, **self._reference.cache_sizes}, np.random.default_rng(0)
        found: list[Feeds] = []
        for row in self._example_rows():
            feeds: dict[str, NDArray[Any]] = {**collate([row], self._head.text.pad_id)}
            for spec in self.artefact([""]).inputs:
                if spec.name not in feeds:
                    shape = [sizes[axis] for axis in spec.axes]
                    numbers = np.ones(shape) if spec.dtype == "int64" else random.standard_normal(shape)
                    feeds[spec.name] = numbers.astype(spec.dtype)
            found.append({spec.name: feeds[spec.name] for spec in self.artefact([""]).inputs})
        return found

    def _example_rows(self) -> Iterator[Features]:
        for record in self._task.examples_for(self._head.text):
            with contextlib.suppress(InputError):  # a short model or a small vocabulary has no room for it
                yield from self._head.encode(self._task.request.from_record(record)).features

    def made(self, graph: ir.Model, written: list[str], parity: Parity, kept: str = "") -> Made:
        """The artefact, once it has passed."""
        artefact = self.artefact(written)
        sizes = fixed_sizes(graph, artefact.graphs[0])
        if self._source is not None:
            sizes |= self._source.sizes
            written = [*written, *self._source.files]
        if any(spec.is_per_layer for spec in self._task.graph_outputs(self._plain)):
            sizes["layers"] = self._layers
        files = {name: self.path.with_name(name) for name in written}
        fusions = dict(sorted(count_fusions(graph).items()))
        return Made(artefact, files, sizes, ArtefactReport(fusions, parity, kept, self._kernels))
