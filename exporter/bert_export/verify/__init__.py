"""The parity gate: torch against an artefact, on real texts and on shapes and masks that were never traced."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bert_calibration.held_out import seen_by_model
from bert_export.errors import GateError
from bert_export.tolerances import TOLERANCES, Tolerance
from bert_export.verify.answers import same_answer
from bert_export.verify.compare import Gap, Judge, Outputs
from bert_export.verify.decoding import DecodingComparison
from bert_export.verify.reference import Reference
from bert_export.verify.report import ArtefactUnderTest, Check, Parity
from bert_export.verify.sweep import CONTRACTS, Limits, cases
from bert_export.verify.verdict import verdict_of
from bert_runtime.errors import BackendError, InputError
from bert_runtime.schedule import collate, split
from bert_runtime.tasks.task import Encoded, Features, IntArray

__all__ = ["ArtefactUnderTest", "Check", "Parity", "Tolerance", "verify"]


ADVICE: Mapping[str, str] = {
    "fp32": "export with --plain or --target portable to see which step is at fault, and report it",
    "fp16": "this checkpoint needs the range or the digits of single precision: leave fp16 out",
    "bf16": "this checkpoint needs more digits than bf16 has: leave bf16 out",
}
"""Precision -> what to do about an artefact that does not pass."""


def verify(tested: ArtefactUnderTest, reference: Reference, sweep: bool = True) -> Parity:
    """Compare the artefact with torch, within the tolerance of its precision; without `sweep` on real texts alone.

    Raises:
        GateError: a difference above the tolerance, or a different answer; every failing comparison is named.
    """
    tolerance = TOLERANCES[tested.artefact.precision]
    kind = DecodingComparison if tested.task.is_autoregressive else _Comparison
    comparison = kind(tested, reference, Judge(tolerance), [])
    checks = (comparison.real_texts(), *(comparison.sweep() if sweep else ()))
    artefact = tested.artefact
    masks = "" if artefact.mask == "any" else f", {artefact.mask} masks"
    if comparison.problems:
        raise GateError(
            f"the {artefact.target} artefact ({artefact.precision}{masks}) does not answer as torch does, within "
            f"{tolerance}: {'; '.join(comparison.problems)}. No bundle was written; {ADVICE[artefact.precision]}"
        )
    verdict = verdict_of(checks, tolerance)
    return Parity(artefact.target, artefact.precision, tolerance, checks, artefact.mask, verdict)


@dataclass(frozen=True)
class _Pair:
    """Both sides' outputs for one call of the graph, and how far they are apart."""

    expected: Outputs
    got: Outputs
    gap: Gap


@dataclass(frozen=True)
class _Comparison:
    """The two sides, and the problems found so far."""

    tested: ArtefactUnderTest
    reference: Reference
    judge: Judge
    problems: list[str]

    def real_texts(self) -> Check:
        """The task's examples from text to answer, through torch and through the artefact."""
        others: list[str] = []
        seen: set[object] = set()
        same, differences = 0, []
        if self.judge.tolerance.relative:  # a second run of torch, which an absolute tolerance can do without
            for row in (row for _, _, encoded in self._requests() for row in encoded.features):
                self.judge.learn(self.reference.run(self._feeds(row)))
        for record, request, encoded in self._requests():
            name = f"example {record!r:.80}"
            seen.add(seen_by_model(encoded))
            pairs = [self._run(self._feeds(row), name) for row in encoded.features]
            differences.append(max(pair.gap.difference for pair in pairs))
            if any(pair.gap.is_too_wide for pair in pairs):
                continue
            if self._agree(request, encoded, pairs):
                same += 1
            else:
                others.append(f"{name} differs by {differences[-1]:.1e}, yet has another answer")
        if len(others) > self.judge.tolerance.others * len(differences):
            self.problems.extend(others)
        return Check("real texts", len(differences), max(differences, default=0.0), same, len(seen))

    def sweep(self) -> Iterator[Check]:
        """One check for each length."""
        text, found = self.tested.head.text, dict[int, list[float]]()
        limits = Limits(text.vocabulary_size, self.reference.types, text.max_length)
        artefact = self.tested.artefact
        for case in cases(self.tested.task, limits, artefact.plain, CONTRACTS[artefact.mask]):
            length = case.feeds["input_ids"].shape[-1]
            feeds = {spec.name: case.feeds[spec.name] for spec in artefact.inputs}
            found.setdefault(length, []).append(self._run(feeds, case.name).gap.difference)
        for length, differences in found.items():
            yield Check(f"length {length}", len(differences), max(differences))

    def _requests(self) -> Iterator[tuple[Mapping[str, Any], Any, Encoded]]:
        """The examples that this checkpoint can be asked: few tokens lose masks, a vocabulary may lack a target."""
        for record in self.tested.task.examples_for(self.tested.head.text):
            request = self.tested.task.request.from_record(record)
            try:
                encoded = self.tested.head.encode(request)
            except InputError:
                continue
            if all(row.type_ids.max(initial=0) < self.reference.types for row in encoded.features):
                yield record, request, encoded

    def _feeds(self, row: Features) -> dict[str, IntArray]:
        feeds = collate([row], self.tested.head.text.pad_id)
        return {spec.name: feeds[spec.name] for spec in self.tested.artefact.inputs}

    def _run(self, feeds: Mapping[str, IntArray], name: str) -> _Pair:
        """Both sides of one call; a graph that cannot run it is infinitely far away."""
        outputs = self.tested.artefact.outputs
        expected = self.reference.run(feeds)
        try:
            got = self.tested.engine.run(feeds, [spec.name for spec in outputs])
        except BackendError as error:
            self.problems.append(f"{name}: {error}")
            return _Pair(expected, {}, Gap(math.inf, math.inf))
        gap = self.judge.widest_gap(expected, got, outputs, feeds["attention_mask"])
        if gap.is_too_wide:
            self.problems.append(f"{name} {gap}")
        return _Pair(expected, got, gap)

    def _agree(self, request: Any, encoded: Encoded, pairs: Sequence[_Pair]) -> bool:
        """Whether the head decodes the same answer from both sides."""
        answers = []
        for side in ([pair.expected for pair in pairs], [pair.got for pair in pairs]):
            rows = zip(side, encoded.features, strict=True)
            own = [split(outputs, [row], self.tested.artefact.outputs)[0] for outputs, row in rows]
            answers.append(self.tested.head.decode(request, encoded, own))
        return same_answer(answers[0], answers[1], max(pair.gap.limit for pair in pairs))
