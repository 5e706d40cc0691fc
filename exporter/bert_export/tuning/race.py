"""Timing: each entrant in turns with the first one, so that two are loaded at a time; then those in front together."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bert_export.tuning.choice import Heat, is_slower
from bert_export.tuning.entrant import Entrant
from bert_export.tuning.requests import Requests, in_bulk, one_by_one
from bert_export.tuning.spread import Spread
from bert_runtime.bench import rounds
from bert_runtime.loading import Options, start_session
from bert_runtime.session import Session
from bert_runtime.tasks.request import Request

HEAT, FINAL = 1.0, 3.0
"""About how many seconds of counted calls of the slowest one there are in a heat and in the final."""

SINGLE, BULK = (0.15, 5, 64), (1.0, 64, 512)
"""Of a call: how many seconds of the first entrant it takes, about, and how many requests it has, at least and at most;
one by one, and in bulk."""

PROBED = 8
"""Requests by which that is estimated."""

Told = Callable[[str], contextlib.AbstractContextManager[None]]
"""What runs next, in words -> a context for its time."""


@dataclass(frozen=True)
class Timed:
    """A heat with what the clock said: milliseconds of a request, the median over so many rounds."""

    heat: Heat
    entrant: Entrant
    milliseconds: float
    rounds: int


@dataclass(frozen=True)
class Track:
    """What is run, and in which of MODES."""

    requests: Requests
    mode: str

    def opened(self, entrant: Entrant, threads: int) -> Session[Any, Any]:
        """The entrant as its bundle would be loaded; close it."""
        return start_session(entrant.bundle, Options(entrant.candidate.target, threads, mode=self.mode))

    def lap(self, session: Session[Any, Any]) -> Sequence[Request]:
        """The requests of one call: as many as take this session the time that a call should take."""
        seconds, least, most = BULK if self.mode == "throughput" else SINGLE
        few = self._picked(PROBED)
        spent = min(rounds({"probe": self.work(session, few)}, 0)["probe"])
        return self._picked(max(least, min(most, round(seconds / spent * len(few)))))

    def work(self, session: Session[Any, Any], lap: Sequence[Request]) -> Callable[[], object]:
        """One call of the session: the requests of a lap answered."""
        return in_bulk(session, lap) if self.mode == "throughput" else one_by_one(session, lap)

    def _picked(self, number: int) -> Sequence[Request]:
        return self.requests.many(number) if self.mode == "throughput" else self.requests.evenly(number)


def run_heats(track: Track, entrants: Sequence[Entrant], threads: Sequence[int], told: Told) -> Iterator[Timed]:
    """Every entrant with each number of threads, the most first, until fewer are clearly slower. The first entrant with
    the most threads is what all are measured by.

    Raises:
        BackendError: an engine fails that did not when its gates asked it.
    """
    first, most = entrants[0], threads[0]
    with track.opened(first, most) as session:
        pace = _Pace(track, session, track.lap(session), told)
        for entrant in entrants:
            before: Spread | None = None
            for count in threads:
                timed = pace.alone(entrant, count) if (entrant, count) == (first, most) else pace.beside(entrant, count)
                yield timed
                if before is not None and is_slower(timed.heat.ratio, before):
                    break
                before = timed.heat.ratio


def run_final(track: Track, finalists: Sequence[Timed], told: Told) -> Mapping[Heat, Sequence[float]]:
    """Finalist -> seconds of a call in each round; one alone does not run."""
    if len(finalists) == 1:
        return {finalists[0].heat: ()}
    with told("the final"), contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(track.opened(each.entrant, each.heat.threads)) for each in finalists]
        lap = track.lap(sessions[0])
        works = {each.heat.label: track.work(one, lap) for each, one in zip(finalists, sessions, strict=True)}
        seconds = rounds(works, FINAL)
    return {each.heat: seconds[each.heat.label] for each in finalists}


@dataclass(frozen=True)
class _Pace:
    """The first entrant, loaded, and the lap that everybody runs in turns with it."""

    track: Track
    session: Session[Any, Any]
    lap: Sequence[Request]
    told: Told

    def alone(self, entrant: Entrant, count: int) -> Timed:
        """The first entrant itself."""
        with self.told(_named(entrant, count)):
            seconds = rounds({"first": self._work}, HEAT)["first"]
        return self._timed(entrant, count, (seconds, seconds))

    def beside(self, entrant: Entrant, count: int) -> Timed:
        """Another one, or the first with fewer threads."""
        with self.told(_named(entrant, count)), self.track.opened(entrant, count) as session:
            times = rounds({"first": self._work, "other": self.track.work(session, self.lap)}, HEAT)
        return self._timed(entrant, count, (times["first"], times["other"]))

    @property
    def _work(self) -> Callable[[], object]:
        return self.track.work(self.session, self.lap)

    def _timed(self, entrant: Entrant, count: int, seconds: tuple[Sequence[float], Sequence[float]]) -> Timed:
        first, own = seconds
        candidate = entrant.candidate
        heat = Heat(candidate.name, candidate.rank, count, Spread.of_ratios(first, own), entrant.is_judged)
        return Timed(heat, entrant, Spread.of(own).median / len(self.lap) * 1e3, len(own))


def _named(entrant: Entrant, count: int) -> str:
    return f"{entrant.candidate.name}, threads: {count}"
