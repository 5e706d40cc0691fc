"""What the artefacts of a bundle make of its canaries on this machine."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bert_runtime import canaries_json
from bert_runtime.bundle import Bundle
from bert_runtime.canaries import Bound, Canary, agreement, bound_of, oracle_of
from bert_runtime.errors import BertError
from bert_runtime.loading import start_session
from bert_runtime.machine.finding import Finding, Level
from bert_runtime.options import Options
from bert_runtime.targets import AUTO

_FIX = "load another of the bundle's artefacts, or export the checkpoint again on this machine"


@dataclass(frozen=True)
class CanaryReport:
    """One artefact's answers.

    Attributes:
        target, precision: of the artefact.
        holds: whether it answers as torch did; None where it was not asked, as its target does not run here.
        verdict: the same as a sentence, with figures.
        same_answers, max_difference: see `Agreement`; None where it could not be asked.
    """

    target: str
    precision: str
    holds: bool | None
    verdict: str
    same_answers: int | None = None
    max_difference: float | None = None


def ask_canaries(bundle: Bundle, runs: Collection[str]) -> tuple[CanaryReport, ...]:
    """Load every artefact whose target `runs` here, one after another, and ask it. Where none does, the one that
    `auto` runs in their place is asked. Nothing for a bundle without canaries.

    Raises:
        BundleError: the canaries break the format.
    """
    if canaries_json.NAME not in bundle.manifest.files:
        return ()
    canaries, bounds = canaries_json.read(bundle), canaries_json.bounds_of(bundle)
    held = list(bundle.manifest.by_target)
    asked = {target: target for target in held if target in runs} or {held[0]: AUTO}
    return tuple(_reports(bundle, canaries, bounds, asked))


def canary_findings(reports: Sequence[CanaryReport]) -> list[Finding]:
    """The faults among them."""
    return [
        Finding(Level.FAULT, f"the artefact {each.target} {each.precision} {each.verdict}", _FIX)
        for each in reports
        if each.holds is False
    ]


def _reports(
    bundle: Bundle, canaries: Sequence[Canary], bounds: Sequence[Bound], asked: dict[str, str]
) -> Iterator[CanaryReport]:
    for target, own in bundle.manifest.by_target.items():
        precision, bound = own.artefact.precision, bound_of(bounds, target)
        if target not in asked or bound is None:
            why = "its target does not run here" if bound else "the manifest states no bound for it"
            yield CanaryReport(target, precision, None, f"was not asked: {why}")
        else:
            yield _asked(bundle, canaries, bound, Options(target=asked[target]))


def _asked(bundle: Bundle, canaries: Sequence[Canary], bound: Bound, options: Options) -> CanaryReport:
    try:
        with start_session(bundle, options) as session:
            found = agreement(session, canaries)
    except BertError as error:
        return CanaryReport(bound.target, bound.precision, False, f"does not run: {error}")
    difference = found.max_difference if math.isfinite(found.max_difference) else None
    verdict = bound.verdict(found, oracle_of(bundle.manifest.provenance))
    return CanaryReport(bound.target, bound.precision, bound.holds(found), verdict, found.same_answers, difference)
