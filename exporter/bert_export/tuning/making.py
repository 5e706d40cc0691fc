"""Every candidate through the gates that it always goes through; what does not pass is a line of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bert_export.errors import GateError
from bert_export.progress import Stages
from bert_export.tuning.candidates import Candidate
from bert_export.tuning.entrant import Entrant, Origin
from bert_export.tuning.judging import DropError, Judging
from bert_export.tuning.report import Line, untimed
from bert_runtime.errors import BertError, InputError


@dataclass(frozen=True)
class Making:
    """Where candidates are from, what judges them, and what has become of them so far: passed, and refused with why."""

    origin: Origin
    judging: Judging
    stages: Stages
    passed: list[Entrant] = field(default_factory=list)
    refused: dict[Candidate, BertError] = field(default_factory=dict)

    def all(self, candidates: Sequence[Candidate]) -> tuple[list[Entrant], list[Line]]:
        """Those that passed, in order, and lines of those that did not.

        Of a target whose plans all lose too much as they are, the one that loses least is made once more, keeping what
        hurts most more precise: a search of minutes, which the others need not wait for.

        Raises:
            InputError: a sample cannot be asked; no candidate could answer it.
            GateError: none passed, with all reasons.
        """
        absent = {candidate: reason for candidate in candidates if (reason := self.origin.missing(candidate))}
        for candidate in candidates:
            if candidate not in absent:
                self._try(candidate)
        for target in dict.fromkeys(candidate.target for candidate in candidates):
            self._try_mixture(target)
        lines = [untimed(candidate.name, str(error), "failed") for candidate, error in self.refused.items()]
        lines += [untimed(candidate.name, reason, "absent") for candidate, reason in absent.items()]
        if not any(entrant.is_judged for entrant in self.passed):
            reasons = "; ".join(f"{line.name}: {line.reason}" for line in lines)
            raise GateError(f"no candidate passes its gates, expected one at least; no bundle was written: {reasons}")
        return sorted(self.passed, key=lambda entrant: candidates.index(entrant.candidate)), lines

    def _try_mixture(self, target: str) -> None:
        errors = {candidate: error for candidate, error in self.refused.items() if candidate.target == target}
        drops = {candidate: error.drop for candidate, error in errors.items() if isinstance(error, DropError)}
        plans = [
            each for each in (*errors, *(e.candidate for e in self.passed)) if each.target == target and each.preset
        ]
        if plans and all(plan in drops for plan in plans):
            self._try(min(plans, key=lambda plan: drops[plan]), mixtures=True)

    def _try(self, candidate: Candidate, mixtures: bool = False) -> None:
        try:
            self.passed.append(self._made(candidate, mixtures))
        except InputError:
            raise
        except BertError as error:
            self.refused[candidate] = error
        else:
            self.refused.pop(candidate, None)

    def _made(self, candidate: Candidate, mixtures: bool) -> Entrant:
        single = [entrant for entrant in self.passed if entrant.candidate.precision == "fp32"]
        own = [entrant for entrant in single if entrant.candidate.target == candidate.target]
        if candidate.precision == "int8":
            if not own:
                raise GateError("it is made of its target's fp32 graph, which is not there")
            with self.stages.stage("search" if mixtures else "quantize", f"({candidate.name})"):
                return self.judging.quantised(candidate, own[0], mixtures)
        made = self.origin.make(candidate)
        if candidate.precision == "fp32" or not single:
            return made
        with self.stages.stage("judge", f"({candidate.name})"):
            return self.judging.judged(made, (own or single)[0])
