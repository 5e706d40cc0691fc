"""From an fp32 bundle to an int8 one, without its checkpoint and without torch."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

from bert_calibration.baseline import BaselineArtefact, MixedPrecision
from bert_calibration.owned_folder import scratch_folder
from bert_export.bundle_writer import check_output, graph_file, write
from bert_export.canaries import with_canaries
from bert_export.int8 import Int8, make_int8, quality_of
from bert_export.options import ExportOptions
from bert_export.progress import Stages
from bert_export.report import ArtefactReport, ExportReport
from bert_export.tensorrt.compiled import Compiled, build_engines, compiled
from bert_export.tensorrt.plan import require_tensorrt
from bert_runtime import bundle as bundles
from bert_runtime import canaries_json
from bert_runtime.targets import find_target
from bert_runtime.text import TextEncoder

CALIBRATED = re.compile(r"(ranges|sensitivity|profile)\.\w+\.(json|svg)")
"""What an earlier export left in a bundle beside its graphs."""


def requantize(options: ExportOptions, stages: Stages) -> ExportReport:
    """Write the int8 variants of a bundle's fp32 artefacts as a bundle of their own.

    Raises:
        OptionError: the output is taken.
        BundleError: what is named is no bundle.
        GateError: no plan holds the accuracy constraint.
        QuantizationError: the bundle has no fp32 artefact for a target.
    """
    assert options.bundle is not None  # what the caller asks for
    output = options.output or Path(f"{options.bundle.resolve().name}-int8")
    check_output(output, options.force)
    if options.build_engine:
        require_tensorrt()
    with stages.stage("load"):
        bundle = bundles.read(options.bundle)
    with scratch_folder() as folder:
        made: list[_Made] = []
        for variant in options.variants:
            path = folder / graph_file(variant.target, first=not made)
            made.append(_make(BaselineArtefact.of(bundle, variant.target), options, path, stages))
        files: dict[str, bytes | Path] = {name: bundle.directory / name for name in kept_files(bundle)}
        for each in made:
            files |= each.files
        contents = dataclasses.replace(
            bundle.manifest,
            artefacts=tuple(each.int8.artefact for each in made),
            quality=quality_of([(each.int8.artefact, each.int8.report) for each in made]),
        )
        text = TextEncoder.from_file(bundle.directory / contents.tokenizer.file, contents.tokenizer)
        with stages.stage("verify"):
            held = canaries_json.read(bundle) if canaries_json.NAME in files else ()
            proven, files = with_canaries(contents, files, held, text)
        with stages.stage("write"):
            written = write(output, proven, files, options.force)
    profiles = {each.int8.artefact.target: each.compiled.profile for each in made if each.compiled is not None}
    engines = build_engines(written, profiles, options.build_engine) if options.build_engine else ()
    size = sum(record.size for record in written.manifest.files.values())
    reports = tuple(each.report for each in made)
    return ExportReport(bundle.manifest.task, output, size, (), reports, dict(stages.seconds), engines)


@dataclass(frozen=True)
class _Made:
    """An int8 artefact, and what its engine is built for, if one is; what stays in single precision around it."""

    int8: Int8
    kept: str
    compiled: Compiled | None

    @property
    def files(self) -> dict[str, Path]:
        """All that goes into the bundle."""
        return {**self.int8.files, **(self.compiled.files if self.compiled else {})}

    @property
    def report(self) -> ArtefactReport:
        """Without parity: there was no torch to compare with."""
        if self.compiled is None:
            return ArtefactReport({}, None, int8=self.int8.report, sequence_packing=self.int8.sequence_packing)
        told, record = self.compiled.report, self.compiled.record
        return ArtefactReport({}, None, self.kept, told, record, self.int8.report)


def _make(baseline: BaselineArtefact, options: ExportOptions, path: Path, stages: Stages) -> _Made:
    """The int8 variant of one artefact, in the file `path`."""
    mixed_precision, kept = _floats(baseline)
    with stages.stage("quantize"):
        made = make_int8(dataclasses.replace(baseline, mixed_precision=mixed_precision), options.quantization, path)
    if not find_target(baseline.artefact.target).has_profile:
        return _Made(made, kept, None)
    with stages.stage("build"):
        how = options.quantization
        narrow = dataclasses.replace(baseline, directory=path.parent, artefact=made.artefact)
        return _Made(made, kept, compiled(narrow, options.profile_axes, how.calibrate, how.limit))


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
