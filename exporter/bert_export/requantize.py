"""From an fp32 bundle to an int8 one, without its checkpoint and without torch."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from pathlib import Path

from bert_calibration.subject import Subject
from bert_export.bundle_writer import check_output, graph_file, write
from bert_export.int8 import Int8, make_int8, quality_of
from bert_export.options import ExportOptions
from bert_export.progress import Stages
from bert_export.report import ArtefactReport, ExportReport
from bert_runtime import bundle as bundles

CALIBRATED = re.compile(r"(ranges|sensitivity)\.\w+\.(json|svg)")
"""What an earlier quantisation left in a bundle."""


def requantize(options: ExportOptions, stages: Stages) -> ExportReport:
    """Write the int8 variants of a bundle's fp32 artefacts as a bundle of their own.

    Raises:
        OptionError: the output is taken.
        BundleError: what is named is no bundle.
        GateError: no plan holds the accuracy budget.
        QuantizationError: the bundle has no fp32 artefact for a target.
    """
    assert options.bundle is not None  # what the caller asks for
    output = options.output or Path(f"{options.bundle.resolve().name}-int8")
    check_output(output, options.force)
    with stages.stage("load"):
        bundle = bundles.read(options.bundle)
    with tempfile.TemporaryDirectory(prefix="bert-export-") as folder:
        made: list[Int8] = []
        for variant in options.variants:
            name = graph_file(variant.target, first=not made)
            with stages.stage("quantize"):
                subject = Subject.of(bundle, variant.target)
                made.append(make_int8(subject, options.quantizing, Path(folder) / name))
        files: dict[str, bytes | Path] = {name: bundle.directory / name for name in _kept(bundle)}
        for each in made:
            files |= each.files
        manifest = dataclasses.replace(
            bundle.manifest,
            artefacts=tuple(each.artefact for each in made),
            quality=quality_of([(each.artefact, each.report) for each in made]),
        )
        with stages.stage("write"):
            written = write(output, manifest, files, options.force)
    size = sum(record.size for record in written.manifest.files.values())
    reports = tuple(ArtefactReport({}, None, int8=each.report) for each in made)
    return ExportReport(bundle.manifest.task, output, size, (), reports, dict(stages.seconds))


def _kept(bundle: bundles.Bundle) -> list[str]:
    """The files that are not of an artefact: the tokenizer, and what other tools read."""
    graphs = {name for artefact in bundle.manifest.artefacts for name in (artefact.file, *artefact.data)}
    return [name for name in bundle.manifest.files if name not in graphs and not CALIBRATED.fullmatch(name)]
