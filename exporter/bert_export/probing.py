"""The finer questions that judge where a head's own metric is too near to 0 to lose anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bert_calibration.baseline import BaselineArtefact
from bert_calibration.quality import Difference, Measure, Metric, difference, evaluate
from bert_runtime.tasks.request import Request


@dataclass(frozen=True)
class Probing:
    """Questions about the same samples, and what fp32 answers to them.

    Attributes:
        metric: of the answers.
        requests: one for each sample whose gold can be asked for.
        golds: of the requests.
        reference: fp32's answers.
    """

    metric: Metric[Any, Any]
    requests: Sequence[Request]
    golds: Sequence[Any]
    reference: Sequence[Any]

    @classmethod
    def of(
        cls,
        baseline: BaselineArtefact,
        measure: Measure[Any, Any],
        samples: Sequence[tuple[Request, Any]],
        max_drop: float,
    ) -> Probing | None:
        """None where the head has no such questions, or knows no more than `max_drop` above chance."""
        probe = measure.probe
        if probe is None:
            return None
        asked = [(probe.ask(request, gold, baseline.text), gold) for request, gold in samples]
        requests, golds = [one for one, _ in asked if one is not None], [gold for one, gold in asked if one is not None]
        with baseline.engine() as engine:
            reference = baseline.answers(engine, requests)
        own = evaluate(probe.metric, reference, golds)
        if own is None or own.value - probe.chance(baseline.text) <= max_drop:
            return None
        return cls(probe.metric, requests, golds, reference)

    def change(self, results: Sequence[Any], reference: Sequence[Any]) -> Difference | None:
        """How much better one variant's answers to `requests` are than another's."""
        return difference(self.metric, results, reference, self.golds)
