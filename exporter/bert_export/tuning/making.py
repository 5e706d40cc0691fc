"""Every candidate through the gates that it always goes through; what does not pass is a line of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bert_export.errors import GateError
from bert_export.progress import Stages
from bert_export.tuning.candidates import Candidate
from bert_export.tuning.entrant import Entrant, Origin
from bert_export.tuning.judging import Judging
from bert_export.tuning.report import Line, untimed
from bert_runtime.errors import BertError, InputError


@dataclass(frozen=True)
class Making:
    """Where candidates are from, and what judges them."""

    origin: Origin
    judging: Judging
    stages: Stages

    def all(self, candidates: Sequence[Candidate]) -> tuple[list[Entrant], list[Line]]:
        """Those that passed, in order, and lines of those that did not.

        Raises:
            InputError: a sample cannot be asked; no candidate could answer it.
            GateError: none passed, with all reasons.
        """
        entrants: list[Entrant] = []
        failed: list[Line] = []
        for candidate in candidates:
            lacking, said = self.origin.lacks(candidate), "absent"
            try:
                if not lacking:
                    entrants.append(self._made(candidate, entrants))
            except InputError:
                raise
            except BertError as error:
                lacking, said = str(error), "failed"
            if lacking:
                failed.append(untimed(candidate.name, lacking, said))
        if not any(entrant.is_judged for entrant in entrants):
            reasons = "; ".join(f"{line.name}: {line.reason}" for line in failed)
            raise GateError(f"no candidate passes its gates, expected one at least; no bundle was written: {reasons}")
        return entrants, failed

    def _made(self, candidate: Candidate, passed: Sequence[Entrant]) -> Entrant:
        single = [entrant for entrant in passed if entrant.candidate.precision == "fp32"]
        own = [entrant for entrant in single if entrant.candidate.target == candidate.target]
        if candidate.precision == "int8":
            if not own:
                raise GateError("it is made of its target's fp32 graph, which is not there")
            with self.stages.stage("quantize", f"({candidate.name})"):
                return self.judging.quantised(candidate, own[0])
        made = self.origin.make(candidate)
        if candidate.precision == "fp32" or not single:
            return made
        with self.stages.stage("judge", f"({candidate.name})"):
            return self.judging.judged(made, (own or single)[0])
