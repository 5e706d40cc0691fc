"""The parity gate: torch against an artefact, on real texts and on shapes and masks that were never traced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bert_export.errors import GateError
from bert_export.verify.answers import same_answer
from bert_export.verify.reference import Reference
from bert_export.verify.sweep import cases
from bert_runtime.backends.engine import Engine
from bert_runtime.manifest import Artefact
from bert_runtime.schedule import collate, split
from bert_runtime.tasks.task import Head, IntArray, Outputs, Task, TensorSpec

FP32_TOLERANCE = 1e-4
"""Largest accepted difference of a logit: fused kernels sum in another order; a wrong graph is off by far more."""


@dataclass(frozen=True)
class Check:
    """One comparison of the report.

    Attributes:
        name: what was compared.
        cases: how many calls of the graph.
        max_difference: the largest absolute difference of any output.
        same_answers: how many decoded answers are equal, of `cases`; None where nothing is decoded.
    """

    name: str
    cases: int
    max_difference: float
    same_answers: int | None = None


@dataclass(frozen=True)
class Parity:
    """The parity gate's report on one artefact."""

    target: str
    precision: str
    tolerance: float
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Subject:
    """What is verified: an artefact, loaded, with the head that reads it."""

    task: Task[Any, Any, Any]
    head: Head[Any, Any, Any]
    artefact: Artefact
    engine: Engine


def verify(subject: Subject, reference: Reference, tolerance: float = FP32_TOLERANCE) -> Parity:
    """Compare the artefact with torch.

    Raises:
        GateError: a difference above the tolerance, or a different answer; every failing comparison is named.
    """
    problems: list[str] = []
    checks = [_real_texts(subject, reference, tolerance, problems)]
    checks += _synthetic(subject, reference, tolerance, problems)
    if problems:
        artefact = subject.artefact
        raise GateError(
            f"the {artefact.target} artefact ({artefact.precision}) does not answer as torch does: "
            f"{'; '.join(problems)}. No bundle was written; export with --plain or --target portable to see which "
            "step is at fault, and report it"
        )
    return Parity(subject.artefact.target, subject.artefact.precision, tolerance, tuple(checks))


def _real_texts(subject: Subject, reference: Reference, tolerance: float, problems: list[str]) -> Check:
    """The task's examples from text to answer, through torch and through the artefact."""
    head, same, worst = subject.head, 0, 0.0
    for record in subject.task.examples:
        request = subject.task.request.from_record(record)
        encoded = head.encode(request)
        rows = encoded.features
        expected: list[Outputs] = []
        got: list[Outputs] = []
        for row in rows:
            feeds = collate([row], head.text.pad_id)
            feeds = {spec.name: feeds[spec.name] for spec in subject.artefact.inputs}
            expected += split(reference.run(feeds), [row], subject.artefact.outputs)
            got += split(subject.engine.run(feeds, _names(subject.artefact.outputs)), [row], subject.artefact.outputs)
        difference = max(_difference(e[n], g[n]) for e, g in zip(expected, got, strict=True) for n in e)
        worst = max(worst, difference)
        answers = [head.decode(request, encoded, outputs) for outputs in (expected, got)]
        agree = same_answer(answers[0], answers[1], tolerance)
        same += agree
        if difference > tolerance or not agree:
            problems.append(
                f"example {record!r:.80} differs by {difference:.1e}" + ("" if agree else ", another answer")
            )
    return Check("real texts", len(subject.task.examples), worst, same)


def _synthetic(subject: Subject, reference: Reference, tolerance: float, problems: list[str]) -> list[Check]:
    """The sweep, one check for each length."""
    text, artefact = subject.head.text, subject.artefact
    worst: dict[int, list[float]] = {}
    for case in cases(subject.task, text.vocabulary_size, text.max_length, artefact.plain):
        expected = reference.run(case.feeds)
        got = subject.engine.run(case.feeds, _names(artefact.outputs))
        mask = case.feeds["attention_mask"]
        pairs = [(_kept(expected[s.name], s, mask), _kept(got[s.name], s, mask)) for s in artefact.outputs]
        difference = max(_difference(*pair) for pair in pairs)
        worst.setdefault(mask.shape[-1], []).append(difference)
        if difference > tolerance:
            problems.append(f"{case.name} differs by {difference:.1e}")
    return [Check(f"length {length}", len(found), max(found)) for length, found in worst.items()]


def _kept(output: np.ndarray[Any, Any], spec: TensorSpec, mask: IntArray) -> np.ndarray[Any, Any]:
    """What of an output means anything: nothing at a position that the mask hides."""
    return output[mask.astype(bool)] if "sequence" in spec.axes else output


def _difference(expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> float:
    """The largest absolute difference; infinite where the shapes differ or a value is not finite."""
    if expected.shape != got.shape or not np.isfinite(got).all():
        return float("inf")
    return float(np.max(np.abs(expected - got), initial=0.0))


def _names(specs: Iterable[TensorSpec]) -> list[str]:
    return [spec.name for spec in specs]
