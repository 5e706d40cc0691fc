"""An int8 artefact of a verified fp32 one: calibrated on real texts, and held to an accuracy budget. No torch here."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bert_calibration import ranges_file
from bert_calibration.batches import FEW
from bert_calibration.budget import BudgetError
from bert_calibration.quality import Difference, Measure, Quality, agreement, difference, measure_of, qualities
from bert_calibration.quantize import Evidence, Quantization, quantize
from bert_calibration.samples import Samples, read_samples
from bert_calibration.sensitivity import Sensitivity, picture
from bert_calibration.subject import Subject
from bert_calibration.wish import Wish
from bert_export.errors import GateError
from bert_export.options import Quantizing
from bert_export.saving import divide
from bert_export.shared_rows import SharedRowsReport, share_rows_of
from bert_runtime.errors import InputError
from bert_runtime.manifest import Artefact
from bert_runtime.tasks.request import Request

TIMES = frozenset({"speed"})
"""Keys of a report that differ from run to run: a manifest holds none of them."""


@dataclass(frozen=True)
class Int8Report:
    """What quantisation did and what it cost.

    Attributes:
        quantization: plan, operators, trials and sensitivity, as plain JSON values.
        judged_on: the number of requests that were answered in both precisions; the task's examples without data.
        metrics: the task's metrics in int8, where the data has gold.
        changes: each metric's change from fp32, with its paired interval.
        agreement: how often int8 decodes fp32's answer.
        data: the samples' SHA-256 and number; empty without data.
    """

    quantization: Mapping[str, Any]
    judged_on: int
    metrics: tuple[Quality, ...]
    changes: tuple[Difference, ...]
    agreement: Quality
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
    shared_rows: SharedRowsReport | None = None


def make_int8(subject: Subject, how: Quantizing, output: Path, judged: Judged | None = None) -> Int8:
    """Quantise a verified fp32 artefact to the file `output`; what was calibrated is written beside it.

    Args:
        judged: what `judged_on` reads from `how`, where several variants of one artefact are made of the same data.

    Raises:
        GateError: no plan holds the accuracy budget, or none that does is faster than fp32 here.
        QuantizationError, CalibrationError: the head, the target or the data are no basis for int8.
        InputError: the samples are wrong, with their lines.
    """
    judged = judged or judged_on(subject, how)
    samples = judged.samples
    evidence = None
    if samples:
        evidence = Evidence(_calibrating(samples), judged.requests, judged.drop, judged.reference)
    ranges = ranges_file.load(how.ranges) if how.ranges else None
    wish = Wish(method=how.method, plan=how.plan, max_drop=how.max_drop, mixtures=how.mixtures)
    try:
        made = quantize(subject, wish, evidence, output, ranges)
    except BudgetError as error:
        raise GateError(f"{error}{_worst(error.ranking)}") from error
    data = {"sha256": samples.sha256, "samples": len(samples.items)} if samples else {}
    report = judged.report(subject, made, output, data)
    graph = divide(output)
    files = {name: output.with_name(name) for name in graph}
    artefact = dataclasses.replace(subject.quantised(output), data=tuple(graph[1:]))
    files |= _written(made, subject.artefact.target, output.parent)
    shared = share_rows_of(dataclasses.replace(subject, directory=output.parent, artefact=artefact, floats=None))
    if shared is None:
        return Int8(artefact, files, report)
    return Int8(shared.artefact, {**files, **shared.files}, report, shared.report)


def quality_of(made: Sequence[tuple[Artefact, Int8Report | None]]) -> dict[str, Any] | None:
    """What a manifest says under `quality`; None where nothing is int8."""
    told = [{"target": artefact.target, **report.to_manifest()} for artefact, report in made if report is not None]
    return {"artefacts": told} if told else None


def judged_on(subject: Subject, how: Quantizing) -> Judged:
    """What variants of an fp32 artefact are judged on: half of the samples, without samples the task's examples.

    Raises:
        InputError: the samples are wrong, with their lines.
    """
    settings = subject.manifest.settings
    samples = read_samples(how.calibrate, subject.task, settings, how.limit) if how.calibrate else None
    return Judged.of(subject, samples)


def _halves(samples: Samples) -> bool:
    return len(samples.items) >= 2 * FEW


def _calibrating(samples: Samples) -> Sequence[Request]:
    """Every other sample, so that ranges are not praised for texts they know; of too few to halve, all."""
    return samples.requests[::2] if _halves(samples) else samples.requests


@dataclass(frozen=True)
class Judged:
    """The requests whose answers count, and what they are measured by.

    Attributes:
        subject: the fp32 artefact whose answers are the measure.
        samples: what was read; None without data.
        golds: of the requests; None without labels.
    """

    subject: Subject
    samples: Samples | None
    measure: Measure[Any, Any]
    requests: Sequence[Request]
    golds: Sequence[Any] | None

    @classmethod
    def of(cls, subject: Subject, samples: Samples | None) -> Judged:
        """The samples that do not calibrate; without samples the task's examples."""
        measure = measure_of(subject.task, subject.manifest.settings)
        if samples is None:
            return cls(subject, None, measure, answerable(subject), None)
        part = slice(1, None, 2) if _halves(samples) else slice(None)
        golds = samples.golds[part] if samples.is_labelled else None
        return cls(subject, samples, measure, samples.requests[part], golds)

    @cached_property
    def reference(self) -> Sequence[Any]:
        """What fp32 answers, asked once."""
        with self.subject.engine() as engine:
            return self.subject.answers(engine, self.requests)

    def drop(self, results: Sequence[Any], reference: Sequence[Any]) -> float:
        """How much of the task's own metric is lost; without gold, the share of answers that differ."""
        change = None
        if self.golds is not None:
            change = difference(self.measure.metrics[0], results, reference, self.golds)
        return 1 - agreement(self.measure, results, reference).value if change is None else -change.value

    def report(self, subject: Subject, made: Quantization, output: Path, data: Mapping[str, Any]) -> Int8Report:
        """What int8 answers, beside fp32."""
        reference = self.reference
        with subject.engine(output) as engine:
            results = subject.answers(engine, self.requests)
        golds = self.golds or ()
        changes = [difference(metric, results, reference, golds) for metric in self.measure.metrics if golds]
        return Int8Report(
            quantization=made.to_json(),
            judged_on=len(self.requests),
            metrics=qualities(self.measure, results, golds) if golds else (),
            changes=tuple(change for change in changes if change is not None),
            agreement=agreement(self.measure, results, reference),
            data=data,
        )


def answerable(subject: Subject) -> list[Request]:
    """The task's examples that this head can be asked."""
    head = subject.task.head(subject.text, subject.manifest.settings)
    found = []
    for request in subject.requests(subject.task.examples_for(subject.text)):
        with contextlib.suppress(InputError):  # a short model or a small vocabulary has no room for it
            head.encode(request)
            found.append(request)
    return found


def _written(made: Quantization, target: str, folder: Path) -> dict[str, Path]:
    """The ranges, and the picture of what integers hurt: files of the bundle, for people and for another export."""
    files: dict[str, Path] = {}
    if made.ranges is not None:
        path = folder / f"ranges.{target}.json"
        ranges_file.save(made.ranges, path)
        files[path.name] = path
    if made.search is not None and made.search.ranking:
        path = folder / f"sensitivity.{target}.svg"
        path.write_text(picture(made.search.ranking, "error of the logits with this part alone in int8"), "utf-8")
        files[path.name] = path
    return files


def _worst(ranking: Sequence[Sensitivity], shown: int = 8) -> str:
    if not ranking:
        return ""
    table = "".join(f"\n  {each.error:8.4f}  {each.site}" for each in ranking[:shown])
    return f"\nerror of the logits with one part alone in int8, the worst of {len(ranking)}:{table}"


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in TIMES}
    if isinstance(value, list | tuple):
        return [_without_times(item) for item in value]
    return value
