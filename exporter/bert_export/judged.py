"""The requests that judge an artefact in less than single precision, and what fp32 answers to them. No torch here."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bert_calibration.accuracy import AccuracyConstraint, Drop, least_drop, needed_samples
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.held_out import MOST_CALIBRATING, digests, hold_out, lines_for, seen_by_model
from bert_calibration.quality import Difference, Measure, Metric, agreement, difference, evaluate, measure_of
from bert_calibration.ranges import Ranges
from bert_calibration.samples import Samples, encode
from bert_export.errors import GateError
from bert_export.probing import Probing
from bert_runtime.errors import InputError
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.task import Encoded

EXAMPLES = "of the task's own examples"
UNTOLD = "samples that may have calibrated the ranges"


@dataclass(frozen=True)
class Judged:
    """The requests whose answers count, and what they are measured by.

    Attributes:
        baseline: the fp32 artefact whose answers are the measure.
        samples: what was read; None without data.
        measure: the metrics of the head.
        calibration: the requests that calibrate, or did for ranges that were saved; none of them is judged.
        requests: those that judge: held-out samples, each text once, or without any the task's examples.
        golds: of the requests; None without labels.
        repeated: how many samples were left out, because the model sees the same in others.
        held_out: whether the requests are samples that did not calibrate.
        kind: what they are otherwise.
        max_drop: of the accuracy constraint: a metric of which fp32 has no more cannot break it.
        most: how many units calibrate at most.
    """

    baseline: BaselineArtefact
    samples: Samples | None
    measure: Measure[Any, Any]
    calibration: Sequence[Request]
    requests: Sequence[Request]
    golds: Sequence[Any] | None
    repeated: int = 0
    held_out: bool = True
    kind: str = EXAMPLES
    max_drop: float = 0.0
    most: int = MOST_CALIBRATING

    @classmethod
    def of(
        cls,
        baseline: BaselineArtefact,
        samples: Samples | None,
        calibrates: bool = True,
        saved: Ranges | None = None,
        max_drop: float = 0.0,
        most: int = MOST_CALIBRATING,
    ) -> Judged:
        """The samples that do not calibrate; where nothing has to, all of them.

        Args:
            baseline: the fp32 artefact.
            samples: what was read; None without data.
            calibrates: whether some of them have to.
            saved: ranges that calibrated before; the texts that they name do not judge, and where they name none, no
                sample is held out.
            max_drop: of the accuracy constraint.
            most: how many units calibrate at most.

        Raises:
            InputError: samples that the head refuses, with their lines.
        """
        settings = baseline.record.settings
        measure = measure_of(baseline.task, settings)
        if samples is None:
            return cls(baseline, None, measure, (), answerable(baseline), None, held_out=False)
        encoded = encode(samples, baseline.task.head(baseline.text, settings))
        seen = [seen_by_model(each) for each in encoded]
        units = measure.units(samples.golds) if samples.is_labelled else range(len(seen))
        before = {each for each, one in zip(seen, encoded, strict=True) if saved and _calibrated(one, saved)}
        found = hold_out(seen, units, calibrates and saved is None, before, most)
        calibration = [samples.requests[i] for i in found.calibration]
        if not found.judged:
            return cls(baseline, samples, measure, calibration, answerable(baseline), None, found.repeated, False)
        requests = [samples.requests[i] for i in found.judged]
        golds = [samples.golds[i] for i in found.judged] if samples.is_labelled else None
        held_out = saved is None or saved.texts is not None
        repeated = found.repeated
        return cls(baseline, samples, measure, calibration, requests, golds, repeated, held_out, UNTOLD, max_drop, most)

    @cached_property
    def asked(self) -> Sequence[Request]:
        """All that a variant is asked: `requests`, then those of `probing`."""
        return [*self.requests, *(self.probing.requests if self.probing else ())]

    @cached_property
    def reference(self) -> Sequence[Any]:
        """What fp32 answers to `asked`."""
        return [*self.answers, *(self.probing.reference if self.probing else ())]

    @cached_property
    def answers(self) -> Sequence[Any]:
        """What fp32 answers to `requests`, asked once."""
        with self.baseline.engine() as engine:
            return self.baseline.answers(engine, self.requests)

    @property
    def metric(self) -> Metric[Any, Any] | None:
        """The head's own metric: the first that says something about these golds; None where none does."""
        golds = self.golds or ()
        return next((each for each in self.measure.metrics if len(each.rows(self.answers, golds))), None)

    @cached_property
    def probing(self) -> Probing | None:
        """Finer questions, where fp32 has too little of its own metric to lose; else None."""
        if self.golds is None or not self.blind or self._has_one_gold:
            return None
        return Probing.of(self.baseline, self.measure, list(zip(self.requests, self.golds, strict=True)), self.max_drop)

    @property
    def _has_one_gold(self) -> bool:
        golds = self.golds or ()
        return len(golds) > 1 and all(gold == golds[0] for gold in golds)

    @cached_property
    def blind(self) -> str:
        """Why the head's own metric cannot show a drop; empty where it can, and without gold."""
        if self.golds is None:
            return ""
        metric = self.metric
        if metric is None:
            return f"{self.measure.metrics[0].name} says nothing about these samples"
        if self._has_one_gold:
            return f"every sample has the same gold, on which {metric.name} says nothing of the other answers"
        own = evaluate(metric, self.answers, self.golds)
        value = 0.0 if own is None else own.value
        if value <= (self.max_drop if self.max_drop < 1 else 0):  # of 1, all may go, and nothing has to be proven
            return f"fp32's own {metric.name} is {value:.4f} on these samples, so that the constraint lets all of it go"
        return ""

    @property
    def judge(self) -> str:
        """The name of what judges where the head's own metric cannot."""
        return self.probing.metric.name if self.probing else "the share of equal answers"

    def drop(self, results: Sequence[Any], reference: Sequence[Any]) -> Drop:
        """How much worse `results` are than `reference`, both of all that is `asked`: by the task's own metric, by the
        finer questions, or without gold that can tell by the share of answers that differ."""
        change = self._change(results, reference)
        if change is not None:
            return Drop(
                change.metric, -change.value, -change.high, -change.low, change.samples, self.held_out, self.kind
            )
        alike = agreement(self.measure, results, reference)
        name = f"agreement with fp32 ({alike.metric})"
        return Drop(name, 1 - alike.value, 1 - alike.high, 1 - alike.low, alike.samples, self.held_out, self.kind)

    def _change(self, results: Sequence[Any], reference: Sequence[Any]) -> Difference | None:
        own = len(self.requests)
        if self.probing is not None:
            return self.probing.change(results[own:], reference[own:])
        metric = None if self.golds is None or self.blind else self.metric
        if self.golds is None or metric is None:
            return None
        return difference(metric, results, reference, self.golds)

    def check_enough(self, constraint: AccuracyConstraint) -> None:
        """Pass, or say how many samples it takes: too few are refused before they are calibrated on.

        Raises:
            GateError: there are samples, yet too few of them to tell, and that is not accepted.
        """
        if self.samples is None or constraint.accept_unproven:
            return
        number = self.drop(self.reference, self.reference).samples if self.held_out else 0
        if constraint.can_tell(number):
            return
        raise GateError(
            f"accuracy not proven: {number} independent held-out samples, of {len(self.samples.items)} in "
            f"{self.samples.path.name}{self._left_out()}{self._untold()}; for a drop of at most "
            f"{constraint.max_drop:g}, {needed_samples(constraint)}. No bundle was written: "
            f"{self._advice(constraint, number)}take it with --accept-unproven, which the bundle then says"
        )

    def _left_out(self) -> str:
        found = f", {len(self.calibration)} of which calibrate" if self.calibration else ""
        return found + (f" and {self.repeated} repeat others" if self.repeated else "")

    def _untold(self) -> str:
        if self.held_out or self.kind != UNTOLD:
            return ""
        return ": the ranges file does not name the texts that calibrated it, so that any may be among these"

    def _advice(self, constraint: AccuracyConstraint, number: int) -> str:
        lines = "calibrate again, " if self._untold() else ""
        if constraint.needed is not None and not lines:
            total = lines_for(constraint.needed, self.most) if self.calibration else constraint.needed
            lines = f"give {total} different samples, "
        return f"{lines}allow --max-drop {least_drop(number):g}, or " if number else f"{lines}or "


def _calibrated(encoded: Encoded, saved: Ranges) -> bool:
    """Whether a text of these is among those that calibrated."""
    rows = ((row.ids, row.type_ids, row.mask) for row in encoded.features)
    return saved.texts is not None and not saved.texts.isdisjoint(digests(rows))


def answerable(baseline: BaselineArtefact) -> list[Request]:
    """The task's examples that this head can be asked, each text once."""
    head = baseline.task.head(baseline.text, baseline.record.settings)
    found: dict[object, Request] = {}
    for request in baseline.requests(baseline.task.examples_for(baseline.text)):
        with contextlib.suppress(InputError):  # a short model or a small vocabulary has no room for it
            found.setdefault(seen_by_model(head.encode(request)), request)
    return list(found.values())


def report_of(judged: Judged) -> Mapping[str, Any]:
    """What a report says of the data; empty without data."""
    if judged.samples is None:
        return {}
    return {
        "sha256": judged.samples.sha256,
        "samples": len(judged.samples.items),
        "calibrating": len(judged.calibration),
        "judging": len(judged.requests) if judged.held_out else 0,
        "repeated": judged.repeated,
    }
