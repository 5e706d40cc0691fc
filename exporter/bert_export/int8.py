"""An int8 artefact of a verified fp32 one: calibrated on real texts, held to an accuracy constraint. No torch here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert_calibration import ranges_file
from bert_calibration.accuracy import Accuracy, AccuracyConstraint
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.config import WITHOUT_DATA, QuantizationConfig
from bert_calibration.mixed_precision import SearchError
from bert_calibration.quality import Difference, Quality, agreement, difference, qualities
from bert_calibration.quantize import Evidence, Quantization, quantize
from bert_calibration.samples import read_samples
from bert_calibration.sensitivity import Sensitivity, picture
from bert_export.errors import GateError
from bert_export.judged import Judged, report_of
from bert_export.saving import divide
from bert_export.sequence_packing import SharedRowsReport, pack_sequences_of
from bert_runtime.manifest import Artefact

PICTURED = "divergence of the outputs from fp32's with this part alone in int8"

TIMES = frozenset({"speed"})
"""Keys of a report that differ from run to run: a manifest holds none of them."""


@dataclass(frozen=True)
class Int8Report:
    """What quantisation did and what it cost.

    Attributes:
        quantization: plan, operators, trials and sensitivity, as plain JSON values.
        judged_on: the number of requests that were answered in both precisions: held-out samples, each text once;
            without any the task's examples.
        metrics: the task's metrics in int8, where the data has gold.
        changes: each metric's change from fp32, with its paired interval.
        agreement: how often int8 decodes fp32's answer.
        accuracy: the verdict on the accuracy constraint, on how many independent samples, and how many it takes.
        data: the samples' SHA-256, and how many calibrate, judge and repeat others; empty without data.
    """

    quantization: Mapping[str, Any]
    judged_on: int
    metrics: tuple[Quality, ...]
    changes: tuple[Difference, ...]
    agreement: Quality
    accuracy: Mapping[str, Any]
    data: Mapping[str, Any]

    def to_manifest(self) -> dict[str, Any]:
        """The report without what another run on the same data would find different."""
        plain: dict[str, Any] = _without_times(dataclasses.asdict(self))
        return plain


@dataclass(frozen=True)
class Int8:
    """An int8 artefact on disk: its record, its files, its report, and that of its second graph, if it has one."""

    artefact: Artefact
    files: Mapping[str, Path]
    report: Int8Report
    sequence_packing: SharedRowsReport | None = None


def make_int8(
    baseline: BaselineArtefact, config: QuantizationConfig, output: Path, judged: Judged | None = None
) -> Int8:
    """Quantise a verified fp32 artefact to the file `output`; what was calibrated is written beside it.

    Args:
        judged: what `judged_on` reads from `config`, where several variants of one artefact are made of the same data.

    Raises:
        GateError: the samples are too few to tell, no plan meets the accuracy constraint, or none that does is faster
            than fp32 here.
        QuantizationError, CalibrationError: the head, the target or the data are no basis for int8.
        InputError: the samples are wrong, with their lines.
    """
    judged = judged or judged_on(baseline, config)
    # Without data nothing was asked to be proven, and the report says so; a loss that the examples show is refused.
    asked = config.constraint if judged.samples else dataclasses.replace(config.constraint, accept_unproven=True)
    judged.check_enough(asked)
    evidence = None
    if judged.samples:
        evidence = Evidence(judged.calibration, judged.asked, judged.drop, judged.reference)
    ranges = ranges_file.load(config.ranges) if config.ranges else None
    try:
        made = quantize(baseline, config, evidence, output, ranges)
    except SearchError as error:
        raise GateError(f"{error}{_worst(error.ranking)}") from error
    report = _judge(baseline, judged, made, asked, output)
    graph = divide(output)
    files = {name: output.with_name(name) for name in graph}
    artefact = dataclasses.replace(baseline.quantised(output), data=tuple(graph[1:]))
    files |= _written(made, baseline.artefact.target, output.parent)
    shared = pack_sequences_of(
        dataclasses.replace(baseline, directory=output.parent, artefact=artefact, mixed_precision=None)
    )
    if shared is None:
        return Int8(artefact, files, report)
    return Int8(shared.artefact, {**files, **shared.files}, report, shared.report)


def _judge(
    baseline: BaselineArtefact, judged: Judged, made: Quantization, constraint: AccuracyConstraint, output: Path
) -> Int8Report:
    """The verdict on what was written.

    Raises:
        GateError: it loses more than the constraint allows.
    """
    with baseline.engine(output) as engine:
        results = baseline.answers(engine, judged.asked)
    drop = judged.drop(results, judged.reference)
    accuracy = constraint.judged(drop)
    if not constraint.allows(drop):
        raise GateError(f"{accuracy}. No bundle was written: allow more with --max-drop, or give --calibrate FILE")
    return _report(judged, made, results[: len(judged.requests)], accuracy)


def quality_of(made: Sequence[tuple[Artefact, Int8Report | None]]) -> dict[str, Any] | None:
    """What a manifest says under `quality`; None where nothing is int8."""
    reported = [{"target": artefact.target, **report.to_manifest()} for artefact, report in made if report is not None]
    return {"artefacts": reported} if reported else None


def judged_on(baseline: BaselineArtefact, config: QuantizationConfig) -> Judged:
    """What variants of an fp32 artefact are judged on: samples that do not calibrate, without any the task's examples.

    Raises:
        InputError: the samples are wrong, with their lines.
    """
    settings = baseline.record.settings
    file = config.calibrate
    samples = read_samples(file, baseline.task, settings, baseline.text, config.limit) if file else None
    saved = ranges_file.load(config.ranges) if config.ranges else None
    return Judged.of(baseline, samples, config.method not in WITHOUT_DATA, saved, config.max_drop)


def _report(judged: Judged, made: Quantization, results: Sequence[Any], accuracy: Accuracy) -> Int8Report:
    """What int8 answers, beside fp32."""
    golds, reference, measure = judged.golds or (), judged.answers, judged.measure
    changes = [difference(metric, results, reference, golds) for metric in measure.metrics if golds]
    quantization = made.to_json()
    if judged.blind:
        quantization["notes"].append(f"{judged.blind}: judged by {judged.judge}")
    return Int8Report(
        quantization=quantization,
        judged_on=len(judged.requests),
        metrics=qualities(measure, results, golds) if golds else (),
        changes=tuple(change for change in changes if change is not None),
        agreement=agreement(measure, results, reference),
        accuracy=accuracy.to_json(),
        data=report_of(judged),
    )


def _written(made: Quantization, target: str, folder: Path) -> dict[str, Path]:
    """The ranges, and the picture of what integers hurt: files of the bundle, for people and for another export."""
    files: dict[str, Path] = {}
    if made.ranges is not None:
        path = folder / f"ranges.{target}.json"
        ranges_file.save(made.ranges, path)
        files[path.name] = path
    if made.search is not None and made.search.ranking:
        path = folder / f"sensitivity.{target}.svg"
        path.write_text(picture(made.search.ranking, PICTURED), "utf-8")
        files[path.name] = path
    return files


def _worst(ranking: Sequence[Sensitivity], shown: int = 8) -> str:
    if not ranking:
        return ""
    table = "".join(f"\n  {each.divergence:9.2e}  {each.point}" for each in ranking[:shown])
    return f"\ndivergence of the outputs with one part alone in int8, the worst of {len(ranking)}:{table}"


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in TIMES}
    if isinstance(value, list | tuple):
        return [_without_times(item) for item in value]
    return value
