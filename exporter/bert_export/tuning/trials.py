"""Trials: each candidate is timed in turns with the first one, then those in front together."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bert_export.tuning.candidate import Candidate
from bert_export.tuning.choice import Spread, Trial, is_slower
from bert_export.tuning.workload import Requests, in_bulk, one_by_one
from bert_runtime.bench import rounds
from bert_runtime.loading import start_session
from bert_runtime.options import Options
from bert_runtime.session import Session
from bert_runtime.tasks.request import Request

TRIAL, FINAL = 1.0, 3.0
"""About how many seconds of counted calls of the slowest one there are in a trial and in the final."""

SINGLE, BULK = (0.15, 5, 64), (1.0, 64, 512)
"""One by one and in bulk: the seconds that a call of the first candidate takes, about; its least and most requests."""

PROBED = 8
"""Requests by which that is estimated."""

Report = Callable[[str], contextlib.AbstractContextManager[None]]
"""What runs next, in words -> a context for its time."""


@dataclass(frozen=True)
class Timed:
    """A trial with what the clock said: milliseconds of a request, the median over so many rounds."""

    trial: Trial
    candidate: Candidate
    milliseconds: float
    rounds: int


@dataclass(frozen=True)
class Workload:
    """What is run, and in which of MODES."""

    requests: Requests
    mode: str

    def opened(self, candidate: Candidate, threads: int) -> Session[Any, Any]:
        """The candidate as its bundle would be loaded; close it."""
        return start_session(candidate.bundle, Options(candidate.plan.target, threads, mode=self.mode))

    def batch(self, session: Session[Any, Any]) -> Sequence[Request]:
        """The requests of one call: as many as take this session the time that a call should take."""
        seconds, least, most = BULK if self.mode == "throughput" else SINGLE
        few = self._picked(PROBED)
        spent = min(rounds({"probe": self.work(session, few)}, 0)["probe"])
        return self._picked(max(least, min(most, round(seconds / spent * len(few)))))

    def work(self, session: Session[Any, Any], batch: Sequence[Request]) -> Callable[[], object]:
        """One call of the session: the requests of a batch answered."""
        return in_bulk(session, batch) if self.mode == "throughput" else one_by_one(session, batch)

    def _picked(self, number: int) -> Sequence[Request]:
        return self.requests.many(number) if self.mode == "throughput" else self.requests.evenly(number)


def run_trials(
    workload: Workload, candidates: Sequence[Candidate], threads: Sequence[int], report: Report
) -> Iterator[Timed]:
    """Every candidate with each number of threads, the most first, until fewer are clearly slower. The first candidate
    with the most threads is the measure of all.

    Raises:
        BackendError: an engine fails that did not when its gates asked it.
    """
    first, most = candidates[0], threads[0]
    with workload.opened(first, most) as session:
        pace = _Pace(workload, session, workload.batch(session), report)
        for candidate in candidates:
            before: Spread | None = None
            for count in threads:
                timed = (
                    pace.alone(candidate, count)
                    if (candidate, count) == (first, most)
                    else pace.beside(candidate, count)
                )
                yield timed
                if before is not None and is_slower(timed.trial.ratio, before):
                    break
                before = timed.trial.ratio


def run_final(workload: Workload, finalists: Sequence[Timed], report: Report) -> Mapping[Trial, Sequence[float]]:
    """Finalist -> seconds of a call in each round; one alone does not run."""
    if len(finalists) == 1:
        return {finalists[0].trial: ()}
    with report("the final"), contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(workload.opened(each.candidate, each.trial.threads)) for each in finalists]
        batch = workload.batch(sessions[0])
        works = {each.trial.label: workload.work(one, batch) for each, one in zip(finalists, sessions, strict=True)}
        seconds = rounds(works, FINAL)
    return {each.trial: seconds[each.trial.label] for each in finalists}


@dataclass(frozen=True)
class _Pace:
    """The first candidate, loaded, and the batch that everybody runs in turns with it."""

    workload: Workload
    session: Session[Any, Any]
    batch: Sequence[Request]
    report: Report

    def alone(self, candidate: Candidate, count: int) -> Timed:
        """The first candidate itself."""
        with self.report(_named(candidate, count)):
            seconds = rounds({"first": self._work}, TRIAL)["first"]
        return self._timed(candidate, count, (seconds, seconds))

    def beside(self, candidate: Candidate, count: int) -> Timed:
        """Another one, or the first with fewer threads."""
        with self.report(_named(candidate, count)), self.workload.opened(candidate, count) as session:
            times = rounds({"first": self._work, "other": self.workload.work(session, self.batch)}, TRIAL)
        return self._timed(candidate, count, (times["first"], times["other"]))

    @property
    def _work(self) -> Callable[[], object]:
        return self.workload.work(self.session, self.batch)

    def _timed(self, candidate: Candidate, count: int, seconds: tuple[Sequence[float], Sequence[float]]) -> Timed:
        first, own = seconds
        plan = candidate.plan
        trial = Trial(plan.name, plan.rank, count, Spread.of_ratios(first, own), candidate.is_judged)
        return Timed(trial, candidate, Spread.of(own).median / len(self.batch) * 1e3, len(own))


def _named(candidate: Candidate, count: int) -> str:
    return f"{candidate.plan.name}, threads: {count}"
