"""The plot: load, rewrite for the head, trace, prune if asked to, make each artefact, write."""

from __future__ import annotations

import re
from pathlib import Path

import onnx_ir as ir

from bert_calibration.owned_folder import scratch_folder
from bert_export import checkpoint as checkpoints
from bert_export import demo
from bert_export.artefacts import make
from bert_export.bundle_writer import check_output, write
from bert_export.canaries import check_parity, with_canaries
from bert_export.checkpoint import Checkpoint, CheckpointLocation, LoadOptions
from bert_export.contents import contents_of, text_of
from bert_export.context import ExportContext
from bert_export.cross_kv_graph import write_cross_kv_graph
from bert_export.errors import OptionError
from bert_export.options import ExportOptions
from bert_export.passes.fold import fold
from bert_export.progress import Stages
from bert_export.pruned import told_of
from bert_export.pruned_checkpoint import with_pruned
from bert_export.report import ExportReport
from bert_export.rewrite import rewrite
from bert_export.rewrite.pooling import dense_layers
from bert_export.tensorrt.compiled import build_engines
from bert_export.tensorrt.plan import require_tensorrt
from bert_export.tensorrt.profile import profile_of
from bert_export.trace import trace
from bert_export.verify.canaries import canaries_of
from bert_export.verify.reference import RememberingReference
from bert_runtime.tasks import find_task
from bert_runtime.tasks.feature_extraction import PLAIN_POOLINGS


def export_checkpoint(options: ExportOptions, stages: Stages) -> ExportReport:
    """The bundle of a checkpoint; see `bert_export.export`."""
    if options.output:
        check_output(options.output, options.force)
    if options.build_engine:
        require_tensorrt()
    checkpoint = load_checkpoint(options, stages)
    output = options.output or default_output(checkpoint)
    check_output(output, options.force)
    with scratch_folder() as folder:
        read = write_cross_kv_graph(checkpoint, folder, stages)
        reference = RememberingReference.of(checkpoint, options.plain)
        context = ExportContext(
            folder,
            stages,
            options.plain,
            options.quantization,
            read,
            options.profile_axes,
            reference,
            masks="any" if checkpoint.task.is_autoregressive else options.masks,
            remove_padding=options.remove_padding,
        )
        graph = traced(checkpoint, context)
        if options.prune:
            context = with_pruned(checkpoint, graph, options, context)
        made = [each for variant in options.variants for each in make(checkpoint, graph.clone(), variant, context)]
        files: dict[str, bytes | Path] = {name: text.encode() for name, text in checkpoint.files.items()}
        for each in made:
            files |= each.files
        contents = contents_of(checkpoint, made)
        if context.pruned is not None:
            files |= context.pruned.files(folder)
            verdicts = {each.artefact.target: each.accuracy for each in made if each.accuracy is not None}
            contents = told_of(contents, context.pruned, verdicts)
        with stages.stage("verify"):
            canaries = canaries_of(checkpoint, context.reference, options.plain)
            contents, files = with_canaries(contents, files, canaries, text_of(checkpoint))
            check_parity(contents)
        with stages.stage("write"):
            bundle = write(output, contents, files, options.force)
    profiles = {each.artefact.target: each.profile for each in made if each.profile is not None}
    engines = build_engines(bundle, profiles, options.build_engine) if options.build_engine else ()
    size = sum(record.size for record in bundle.manifest.files.values())
    reports = tuple(each.report for each in made)
    return ExportReport(
        checkpoint.task.name,
        output,
        size,
        checkpoint.notes,
        reports,
        dict(stages.seconds),
        engines,
        text=checkpoint.text,
        read=checkpoint.provenance.read,
        pruning=None if context.pruned is None else context.pruned.report,
    )


def load_checkpoint(options: ExportOptions, stages: Stages) -> Checkpoint:
    """The checkpoint that `options` name, once it has all that they ask for.

    Raises:
        OptionError, CheckpointError: see `bert_export.export`.
    """
    task = None if options.task == "auto" else find_task(options.task)
    source = _source(options)
    with stages.stage("load"):
        loading = LoadOptions(
            options.pooling,
            options.normalize,
            options.max_length,
            options.allow_random_head,
            options.ignore_auto_map,
            options.activation,
            options.prompt_name,
        )
        checkpoint = checkpoints.load(source, task, loading)
    _check_fit(options, checkpoint)
    return checkpoint


def default_output(checkpoint: Checkpoint) -> Path:
    """NAME-TASK in the current directory, of characters that no shell minds."""
    name = Path(checkpoint.provenance.source).name
    return Path(f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}-{checkpoint.task.name}")


def _check_fit(options: ExportOptions, checkpoint: Checkpoint) -> None:
    """Refuse what the task would ignore, and what the checkpoint has no weights for."""
    task = checkpoint.task
    given = {"pooling": options.pooling, "normalize": options.normalize, "activation": options.activation}
    given |= {"prompts": options.prompt_name}
    flags = {"prompts": "--prompt-name"}
    unused = [
        flags.get(name, f"--{name}") for name, value in given.items() if value is not None and name not in task.settings
    ]
    outputs = [spec.name for spec in task.graph_outputs(options.plain)]
    problems = []
    if unused:
        problems.append(f"{' and '.join(unused)} mean nothing for {task.name}; leave out what is for another task")
    if task.is_autoregressive and (options.masks == "right_padded" or options.remove_padding):
        flag = "--remove-padding" if options.remove_padding else "--masks right_padded"
        problems.append(f"{flag} means nothing for {task.name}, whose prompts are padded on the left; leave it out")
    if "pooler_output" in outputs and getattr(checkpoint.model, "pooler", None) is None:
        problems.append("--plain gives pooler_output, but this checkpoint has no pooler; leave --plain out")
    if options.plain and "pooler_output" in outputs and not _can_pool_later(checkpoint):
        problems.append(
            f"--plain leaves pooling to the runtime, which has no {checkpoint.settings.pooling} and no dense layers; "
            "leave --plain out"
        )
    if problems:
        raise OptionError("; ".join(problems))
    if options.profile:
        reads_source = checkpoint.reads_encoder
        more = task.cross_attention.cross_kv_inputs if task.cross_attention and reads_source else ()
        inputs = checkpoint.family.inputs(task, options.plain, reads_source) + more
        profile_of(inputs, checkpoint.tokenizer.max_length, options.profile_axes)


def _can_pool_later(checkpoint: Checkpoint) -> bool:
    """Whether a runtime can make the vector of what a plain graph gives."""
    return checkpoint.settings.pooling in PLAIN_POOLINGS and dense_layers(checkpoint.model) is None


def traced(checkpoint: Checkpoint, context: ExportContext) -> ir.Model:
    """The folded graph that every target starts from: tracing takes longer than all the rest."""
    with context.stages.stage("trace"):
        graph = trace(rewrite(checkpoint.model, checkpoint.task, context.plain, checkpoint.settings))
    with context.stages.stage("fuse"):
        fold(graph)
    return graph


def _source(options: ExportOptions) -> CheckpointLocation:
    """The checkpoint to load: the one named, or the demo checkpoint of the task."""
    if options.model is None:
        return demo.demo_checkpoint(find_task(options.task).name)
    return CheckpointLocation(options.model, options.adapter, options.revision)
