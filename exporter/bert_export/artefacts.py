"""One artefact: from a traced graph of its own to a file that is proven to answer as torch does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import onnx_ir as ir

from bert_calibration.accuracy import Accuracy
from bert_calibration.baseline import BaselineArtefact, MixedPrecision
from bert_calibration.pruning.slicing import remove_dead
from bert_export.artefact_builder import ArtefactBuilder
from bert_export.checkpoint import Checkpoint
from bert_export.contents import record_of, text_of
from bert_export.context import ExportContext, Made
from bert_export.errors import GateError
from bert_export.int8 import make_int8
from bert_export.options import Variant
from bert_export.passes import fuse
from bert_export.passes.fusion_gate import Network, check_folded, check_fusions, expected_fusions
from bert_export.precision.emulate import emulated
from bert_export.precision.half import to_half
from bert_export.precision.mixed import half_around_int8
from bert_export.precision.single_precision import MixedPrecisionStep, mixed_precision_steps
from bert_export.pruned import Pruned, for_ranges
from bert_export.right_padded import by_masks
from bert_export.saving import save
from bert_export.sequence_packing import pack_sequences_of
from bert_export.tensorrt.compiled import compiled
from bert_runtime.targets import find_target


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
    return by_masks(made, network, context, ArtefactBuilder(checkpoint, variant, context).verify)


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
    builder = ArtefactBuilder(checkpoint, variant, context)
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
    builder = ArtefactBuilder(checkpoint, variant, context)
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
    builder = ArtefactBuilder(checkpoint, variant, context)
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


def _baseline(checkpoint: Checkpoint, made: Made, folder: Path) -> BaselineArtefact:
    return BaselineArtefact(folder, made.artefact, record_of(checkpoint, made.sizes), text_of(checkpoint))
