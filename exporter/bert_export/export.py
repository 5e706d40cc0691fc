"""The plot: load, rewrite for the head, trace, fuse for the target, verify against torch, write."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx_ir as ir
from tokenizers import Tokenizer

from bert_export import checkpoint as checkpoints
from bert_export import demo
from bert_export.bundle_writer import check_output, write
from bert_export.checkpoint import Checkpoint, LoadOptions, Source
from bert_export.errors import OptionError
from bert_export.options import ExportOptions
from bert_export.passes import optimize
from bert_export.passes.gate import Network, check_fusions, count_fusions, expected_fusions
from bert_export.passes.save import save
from bert_export.progress import Stages
from bert_export.rewrite import rewrite
from bert_export.source_graph import WrittenGraph, fixed_sizes, write_source
from bert_export.trace import OPSET, trace
from bert_export.verify import Parity, Subject, verify
from bert_export.verify.reference import Reference
from bert_runtime.backends.select import start
from bert_runtime.cpus import available_cpus
from bert_runtime.manifest import VERSION, Artefact, Graph, Manifest, TokenizerRecord
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import expand
from bert_runtime.text import TextEncoder

MODEL_FILE = "model.onnx"
"""The first artefact's file: the name that other tools look for."""


@dataclass(frozen=True)
class ArtefactReport:
    """One artefact: its fused operators, operator -> count, and the parity gate's findings."""

    fusions: Mapping[str, int]
    parity: Parity


@dataclass(frozen=True)
class ExportReport:
    """What an export made.

    Attributes:
        task: the task's name.
        bundle: the directory.
        size: the bytes of all its files.
        notes: what was assumed about the checkpoint.
        artefacts: one report for each artefact.
        seconds: stage -> wall time.
    """

    task: str
    bundle: Path
    size: int
    notes: tuple[str, ...]
    artefacts: tuple[ArtefactReport, ...]
    seconds: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {**dataclasses.asdict(self), "bundle": str(self.bundle)}


@dataclass(frozen=True)
class _Made:
    """An artefact on disk, before the bundle is written."""

    artefact: Artefact
    files: Mapping[str, Path]
    sizes: Mapping[str, int]
    report: ArtefactReport


def export(options: ExportOptions, stages: Stages | None = None) -> ExportReport:
    """Make the bundle that `options` describe; it is written whole, or not at all.

    Raises:
        OptionError: the output is taken, or an option does not fit the task.
        CheckpointError: the checkpoint lacks something.
        GateError: a fusion is missing, or an artefact does not answer as torch does.
    """
    stages = stages or Stages()
    task = None if options.task == "auto" else find_task(options.task)
    source = _source(options)
    if options.output:
        check_output(options.output, options.force)
    with stages.stage("load"):
        loading = LoadOptions(options.pooling, options.normalize, options.max_length, options.allow_random_head)
        checkpoint = checkpoints.load(source, task, loading)
    _check_fit(options, checkpoint)
    output = options.output or _default_output(checkpoint)
    check_output(output, options.force)
    with tempfile.TemporaryDirectory(prefix="bert-export-") as folder:
        workshop = _Workshop(Path(folder), stages, options.plain)
        graph, read = _traced(checkpoint, workshop), write_source(checkpoint, workshop.folder, stages)
        made = [_make(checkpoint, graph.clone(), read, target, workshop) for target in options.resolved_targets]
        files: dict[str, bytes | Path] = {name: text.encode() for name, text in checkpoint.files.items()}
        for each in made:
            files |= each.files
        with stages.stage("write"):
            bundle = write(output, _manifest(checkpoint, made), files, options.force)
    size = sum(record.size for record in bundle.manifest.files.values())
    reports = tuple(each.report for each in made)
    return ExportReport(checkpoint.task.name, output, size, checkpoint.notes, reports, dict(stages.seconds))


def _default_output(checkpoint: Checkpoint) -> Path:
    """NAME-TASK in the current directory, of characters that no shell minds."""
    name = Path(checkpoint.provenance.source).name
    return Path(f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}-{checkpoint.task.name}")


def _check_fit(options: ExportOptions, checkpoint: Checkpoint) -> None:
    """Refuse what the task would ignore, and what the checkpoint has no weights for."""
    task, given = checkpoint.task, {"pooling": options.pooling, "normalize": options.normalize}
    unused = [f"--{name}" for name, value in given.items() if value is not None and name not in task.settings]
    outputs = [spec.name for spec in task.graph_outputs(options.plain)]
    problems = []
    if unused:
        problems.append(
            f"{' and '.join(unused)} mean nothing for {task.name}; leave out what is for feature-extraction"
        )
    if "pooler_output" in outputs and getattr(checkpoint.model, "pooler", None) is None:
        problems.append("--plain gives pooler_output, but this checkpoint has no pooler; leave --plain out")
    if problems:
        raise OptionError("; ".join(problems))


@dataclass(frozen=True)
class _Workshop:
    """Where artefacts are made: a temporary folder, the clock of the stages, and whether signatures stay plain."""

    folder: Path
    stages: Stages
    plain: bool


def _traced(checkpoint: Checkpoint, workshop: _Workshop) -> ir.Model:
    """The graph that every target starts from: tracing takes longer than all the rest."""
    with workshop.stages.stage("trace"):
        return trace(rewrite(checkpoint.model, checkpoint.task, workshop.plain, checkpoint.settings))


def _make(
    checkpoint: Checkpoint, graph: ir.Model, source: WrittenGraph | None, target: str, workshop: _Workshop
) -> _Made:
    """One artefact, from a traced graph of its own to a verified file."""
    task, plain = checkpoint.task, workshop.plain
    with workshop.stages.stage("fuse"):
        optimize(graph, target)
        check_fusions(graph, expected_fusions(Network.of(task, checkpoint.config, plain), target))
        fusions = dict(sorted(count_fusions(graph).items()))
        first = not (workshop.folder / MODEL_FILE).exists()
        name = MODEL_FILE if first else f"model.{target}.onnx"
        written = save(graph, workshop.folder / name)
    layers = checkpoint.config.num_hidden_layers
    inputs = expand(task.inputs(plain, source is not None), layers)
    outputs = expand(task.graph_outputs(plain), layers)
    own = Graph(name, tuple(written[1:]), inputs, outputs)
    sizes = fixed_sizes(graph, own)
    if outputs != task.graph_outputs(plain):
        sizes["layers"] = layers
    artefact = Artefact(target, "fp32", name, own.data, inputs, outputs, "any", OPSET, plain)
    if source is not None:
        artefact = dataclasses.replace(artefact, source=source.record)
        sizes |= source.sizes
        written += source.files
    with workshop.stages.stage("verify"):
        parity = _verified(checkpoint, artefact, workshop.folder)
    files = {file: workshop.folder / file for file in written}
    return _Made(artefact, files, sizes, ArtefactReport(fusions, parity))


def _verified(checkpoint: Checkpoint, artefact: Artefact, folder: Path) -> Parity:
    text = TextEncoder(Tokenizer.from_str(checkpoint.tokenizer.json), checkpoint.tokenizer.max_length)
    head = checkpoint.task.head(text, checkpoint.settings)
    reference = Reference(checkpoint.model, checkpoint.task, checkpoint.settings, artefact.plain)
    own, *source = [start(folder, graph, available_cpus()) for graph in artefact.graphs]
    try:
        return verify(Subject(checkpoint.task, head, artefact, own, *source), reference)
    finally:
        for engine in (own, *source):
            engine.close()


def _source(options: ExportOptions) -> Source:
    """The checkpoint to load: the one named, or the demo checkpoint of the task."""
    if options.model is None:
        return demo.demo_checkpoint(find_task(options.task).name)
    return Source(options.model, options.adapter, options.revision)


def _manifest(checkpoint: Checkpoint, made: list[_Made]) -> Manifest:
    """The manifest; the writer fills in its files."""
    tokenizer = checkpoint.tokenizer
    provenance = dataclasses.asdict(checkpoint.provenance)
    provenance["versions"] |= {"bert-export": version("bert-export")}
    return Manifest(
        version=VERSION,
        task=checkpoint.task.name,
        settings=checkpoint.settings,
        sizes={axis: size for each in made for axis, size in each.sizes.items()},
        tokenizer=TokenizerRecord("tokenizer.json", tokenizer.max_length, tokenizer.pad_id, tokenizer.mask_id),
        artefacts=tuple(each.artefact for each in made),
        files={},
        provenance=provenance,
        verification={"artefacts": [dataclasses.asdict(each.report) for each in made]},
    )
