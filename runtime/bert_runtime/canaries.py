"""Canaries: a few requests with torch's outputs and answers, which a bundle carries to any machine that runs it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bert_runtime.errors import ItemError
from bert_runtime.record_writers import Json, to_json
from bert_runtime.session import Session

KEPT = 1024
"""Numbers of an output that a canary keeps: of a larger one, such as a vocabulary's logits, equally spaced ones."""

TORCH, PRUNED = "torch", "the pruned network"
"""Whose answers the canaries of a bundle are."""


def oracle_of(provenance: Mapping[str, Any]) -> str:
    """Of a pruned bundle they are the pruned network's own, in fp32: they say nothing of what pruning changed."""
    return PRUNED if "pruning" in provenance else TORCH


def step(size: int) -> int:
    """Of how many numbers of an output of `size` a sample keeps one."""
    return max(1, -(-size // KEPT))


@dataclass(frozen=True)
class Sample:
    """An output of one row as torch gave it.

    Attributes:
        shape: the output's own.
        values: float32 of shape (n,): every so many-th number of the output in C order, KEPT of them at most.
    """

    shape: tuple[int, ...]
    values: NDArray[np.float32]

    @classmethod
    def of(cls, output: NDArray[Any]) -> Sample:
        """The sample of a whole output."""
        return cls(output.shape, np.ravel(output)[:: step(output.size)].astype(np.float32))

    def difference(self, output: NDArray[Any]) -> float:
        """The largest absolute difference; infinite where the shape differs, or a number is not finite."""
        if output.shape != self.shape:
            return math.inf
        found = np.abs(np.ravel(output)[:: step(output.size)] - self.values)
        return float(found.max(initial=0.0)) if np.isfinite(found).all() else math.inf


@dataclass(frozen=True)
class Canary:
    """A request, and what torch says to it.

    Attributes:
        request: the fields of the task's request.
        answer: the decoded answer, as `bert-run --json` prints it.
        outputs: for each row of the request, the outputs that the head reads; none for text generation.
    """

    request: Mapping[str, Json]
    answer: dict[str, Json]
    outputs: tuple[Mapping[str, Sample], ...] = ()


@dataclass(frozen=True)
class Agreement:
    """How an artefact answers the canaries.

    Attributes:
        cases: how many there are.
        same_answers: how many are answered with the same words, alone and in a batch; scores may differ.
        max_difference: the largest absolute difference of an output, or of a score in text generation.
    """

    cases: int
    same_answers: int
    max_difference: float


@dataclass(frozen=True)
class Bound:
    """What an artefact must reach: what it did reach when it was exported, with room for another processor's rounding.

    Attributes:
        target, precision: of the artefact.
        same_answers: at least so many.
        max_difference: at most so much.
    """

    target: str
    precision: str
    same_answers: int
    max_difference: float

    def holds(self, found: Agreement) -> bool:
        """Whether an artefact that answers so is the one that was proven."""
        return found.same_answers >= self.same_answers and found.max_difference <= self.max_difference

    def verdict(self, found: Agreement, oracle: str = TORCH) -> str:
        """What was found, and where it is too little, what was expected. An int8 artefact may hold its bound although
        the `oracle` gave another answer to some."""
        as_whom = f"{oracle} did" if found.same_answers == found.cases else "where it was exported"
        same = f"same answers {found.same_answers} of {found.cases}"
        difference = f"largest difference {found.max_difference:.1e}"
        if self.holds(found):
            return f"answers as {as_whom}: {difference}, {same}"
        least = f"{self.same_answers} of {found.cases} and {self.max_difference:.1e}"
        return f"does not answer as {oracle} did: {difference}, {same}; expected {least}, as where it was exported"


def bound_of(bounds: Sequence[Bound], target: str) -> Bound | None:
    """The bound of a target: of its artefacts for different masks the wider one, as a session runs either."""
    own = [bound for bound in bounds if bound.target == target]
    if not own:
        return None
    same, most = min(each.same_answers for each in own), max(each.max_difference for each in own)
    return Bound(target, own[0].precision, same, most)


def agreement(session: Session[Any, Any], canaries: Sequence[Canary]) -> Agreement:
    """Ask a session every canary, alone and then all in one stream.

    Raises:
        BackendError: the engine runs nothing any more.
    """
    batch = list(session.predict([each.request for each in canaries], errors="return"))
    same, differences = 0, [0.0]
    for canary, joined in zip(canaries, batch, strict=True):
        alone = next(iter(session.predict([canary.request], errors="return")))
        answers = [answer for answer in (alone, joined) if not isinstance(answer, ItemError)]
        is_same = len(answers) == 2 and all(says_the_same(canary.answer, to_json(answer)) for answer in answers)
        same += is_same
        differences += [math.inf] if len(answers) < 2 else _differences(session, canary)
    return Agreement(len(canaries), same, max(differences))


def says_the_same(expected: Json, got: Json) -> bool:
    """Whether two answers agree in everything but their scores: floating point numbers are left out, and fields that
    only `got` has."""
    if isinstance(expected, float) and isinstance(got, float):
        return True
    if isinstance(expected, dict) and isinstance(got, dict):
        return all(key in got and says_the_same(value, got[key]) for key, value in expected.items())
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(map(says_the_same, expected, got))
    return type(expected) is type(got) and expected == got


def _differences(session: Session[Any, Any], canary: Canary) -> list[float]:
    if not canary.outputs:
        return []
    rows = session.prepare(canary.request).encoded.features
    if len(rows) != len(canary.outputs):
        return [math.inf]
    together, found = session.run_rows(rows), list[float]()
    for row, expected, joined in zip(rows, canary.outputs, together, strict=True):
        (alone,) = session.run_rows([row])
        for name, sample in expected.items():
            found += [sample.difference(own[name]) if name in own else math.inf for own in (alone, joined)]
    return found
