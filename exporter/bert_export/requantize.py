"""From an fp32 bundle to an int8 one, a pruned one, or both, without its checkpoint and without torch."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bert_calibration.accuracy import Accuracy
from bert_calibration.baseline import BaselineArtefact, MixedPrecision
from bert_calibration.owned_folder import scratch_folder
from bert_export.bundle_writer import check_output, graph_file, write
from bert_export.canaries import of_network, with_canaries
from bert_export.int8 import Int8Report, make_int8, quality_of
from bert_export.options import ExportOptions, Variant
from bert_export.progress import Stages
from bert_export.pruned import Pruned, for_ranges, prune_network, searchable, sliced, told_of
from bert_export.report import ArtefactReport, ExportReport
from bert_export.saving import save
from bert_export.sequence_packing import SharedRowsReport, pack_sequences_of
from bert_export.tensorrt.compiled import Compiled, build_engines, compiled
from bert_export.tensorrt.plan import require_tensorrt
from bert_runtime import bundle as bundles
from bert_runtime import canaries_json
from bert_runtime.manifest import Artefact, Contents
from bert_runtime.targets import find_target
from bert_runtime.text import TextEncoder

CALIBRATED = re.compile(r"(ranges|sensitivity|profile)\.\w+\.(json|svg)|pruning\.svg")
"""What an earlier export left in a bundle beside its graphs."""


def requantize(options: ExportOptions, stages: Stages) -> ExportReport:
    """Write other variants of a bundle's fp32 artefacts as a bundle of their own: int8, pruned, or both.

    Raises:
        OptionError: the output is taken, or the bundle is pruned already.
        BundleError: what is named is no bundle.
        GateError: no plan holds the accuracy constraint, or no pruned network.
        QuantizationError: the bundle has no fp32 artefact for a target.
    """
    assert options.bundle is not None  # what the caller asks for
    output = options.output or Path(f"{options.bundle.resolve().name}-{'pruned' if options.prune else 'int8'}")
    check_output(output, options.force)
    if options.build_engine:
        require_tensorrt()
    with stages.stage("load"):
        bundle = bundles.read(options.bundle)
    with scratch_folder() as folder:
        pruned = _pruned(bundle, options, folder, stages) if options.prune else None
        made = [_make(bundle, variant, _Making(options, folder, stages, pruned)) for variant in options.variants]
        files: dict[str, bytes | Path] = {name: bundle.directory / name for name in kept_files(bundle)}
        for each in made:
            files |= each.files
        contents: Contents = dataclasses.replace(
            bundle.manifest,
            artefacts=tuple(each.artefact for each in made),
            quality=quality_of([(each.artefact, each.int8) for each in made]),
        )
        if pruned is not None:
            files |= pruned.files(folder)
            verdicts = {each.artefact.target: each.accuracy for each in made if each.accuracy is not None}
            contents = told_of(contents, pruned, verdicts)
        text = TextEncoder.from_file(bundle.directory / contents.tokenizer.file, contents.tokenizer)
        with stages.stage("verify"):
            held = canaries_json.read(bundle) if canaries_json.NAME in files else ()
            if pruned is not None and held:
                held = of_network(held, sliced(pruned.original, pruned.pruning, folder / "canaries"))
            contents, files = with_canaries(contents, files, held, text)
        with stages.stage("write"):
            written = write(output, contents, files, options.force)
    profiles = {each.artefact.target: each.compiled.profile for each in made if each.compiled is not None}
    engines = build_engines(written, profiles, options.build_engine) if options.build_engine else ()
    size = sum(record.size for record in written.manifest.files.values())
    reports = tuple(each.report for each in made)
    found = None if pruned is None else pruned.report
    return ExportReport(bundle.manifest.task, output, size, (), reports, dict(stages.seconds), engines, pruning=found)


@dataclass(frozen=True)
class _Making:
    """Where artefacts are made, and of what network."""

    options: ExportOptions
    folder: Path
    stages: Stages
    pruned: Pruned | None

    def path(self, variant: Variant) -> Path:
        """Where the graph of a variant goes: the first one's name is what other tools look for."""
        return self.folder / graph_file(variant.target, first=variant == self.options.variants[0])


@dataclass(frozen=True)
class _Made:
    """An artefact, and what its engine is built for, if one is; what stays in single precision around integers.

    Attributes:
        graphs: all its files but those of the engine.
        int8: what quantisation did; None for floating point.
        accuracy: the verdict on a pruned network in floating point; else None.
    """

    artefact: Artefact
    graphs: Mapping[str, Path]
    int8: Int8Report | None = None
    packed: SharedRowsReport | None = None
    kept: str = ""
    compiled: Compiled | None = None
    accuracy: Accuracy | None = None

    @property
    def files(self) -> dict[str, Path]:
        """All that goes into the bundle."""
        return {**self.graphs, **(self.compiled.files if self.compiled else {})}

    @property
    def report(self) -> ArtefactReport:
        """Without parity: there was no torch to compare with."""
        if self.compiled is None:
            return ArtefactReport({}, None, int8=self.int8, sequence_packing=self.packed)
        told, record = self.compiled.report, self.compiled.record
        return ArtefactReport({}, None, self.kept, told, record, self.int8)


def _pruned(bundle: bundles.Bundle, options: ExportOptions, folder: Path, stages: Stages) -> Pruned:
    """The pruned network, searched for the first variant."""
    first = options.variants[0]
    space = folder / "search"
    space.mkdir()
    with stages.stage("prune"):
        return prune_network(
            searchable(bundle, first.target), first.precision, options.quantization, options.speedup, space
        )


def _make(bundle: bundles.Bundle, variant: Variant, how: _Making) -> _Made:
    """One variant's artefact."""
    baseline = BaselineArtefact.of(bundle, variant.target)
    if how.pruned is not None:
        with how.stages.stage("slice"):
            baseline = sliced(baseline, how.pruned.pruning, how.folder / f"sliced-{variant.target}")
    made = (_int8 if variant.precision == "int8" else _float)(baseline, variant, how)
    if not find_target(variant.target).has_profile:
        return made
    with how.stages.stage("build"):
        config = how.options.quantization
        narrow = dataclasses.replace(baseline, directory=how.folder, artefact=made.artefact)
        found = compiled(narrow, how.options.profile_axes, config.calibrate, config.limit)
        return dataclasses.replace(made, compiled=found)


def _int8(baseline: BaselineArtefact, variant: Variant, how: _Making) -> _Made:
    """Quantised; a pruned network is judged against the whole one."""
    mixed_precision, kept = _floats(baseline)
    judged = None if how.pruned is None else for_ranges(how.pruned.judged)
    with how.stages.stage("quantize"):
        base = dataclasses.replace(baseline, mixed_precision=mixed_precision)
        made = make_int8(base, how.options.quantization, how.path(variant), judged)
    return _Made(made.artefact, made.files, made.report, made.sequence_packing, kept)


def _float(baseline: BaselineArtefact, variant: Variant, how: _Making) -> _Made:
    """A pruned network in floating point: the sliced graph as it is."""
    assert how.pruned is not None  # the options were checked
    path = how.path(variant)
    written = save(baseline.graph(), path)
    artefact = dataclasses.replace(
        baseline.artefact, precision=variant.precision, file=written[0], data=tuple(written[1:])
    )
    with how.stages.stage("judge"):
        accuracy = how.pruned.check(how.folder, artefact, how.options.quantization)
        shared = pack_sequences_of(dataclasses.replace(baseline, directory=how.folder, artefact=artefact))
    if shared is None:
        return _Made(artefact, {name: how.folder / name for name in written}, accuracy=accuracy)
    return _Made(shared.artefact, shared.files, packed=shared.report, accuracy=accuracy)


def _floats(baseline: BaselineArtefact) -> tuple[MixedPrecision | None, str]:
    """What is around the integers. Without torch to ask how far half precision may go, the operators that lose most by
    it stay in single precision; whether the rest answers well is for the accuracy constraint to say."""
    if find_target(baseline.artefact.target).int8_float_precision != "fp16":
        return None, ""
    from bert_export.precision import mixed, single_precision  # noqa: PLC0415 - onnxscript: not for other targets

    base = baseline.graph()
    kept = {str(node.name) for node in base.graph if node.op_type in single_precision.DELICATE}
    return mixed.half_around_int8(base, kept), "normalisation and softmax"


def kept_files(bundle: bundles.Bundle) -> list[str]:
    """The files that are not of an artefact: the tokenizer, and what other tools read."""
    graphs = {name for artefact in bundle.manifest.artefacts for name in artefact.files}
    return [name for name in bundle.manifest.files if name not in graphs and not CALIBRATED.fullmatch(name)]
