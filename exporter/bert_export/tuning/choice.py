"""Which candidate is chosen: the fastest, unless a more exact or simpler one is as fast as far as this machine can
tell.

Noise is what the rounds themselves say: the quartiles of ratios that were taken round by round. All rules are about
numbers alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bert_export.tuning.spread import Spread

WORTH = 1.03
"""A candidate must be more than 3% faster to justify lower precision, another package, or an option that the user must
set."""

FINALISTS = 4
"""So many at most are loaded at the same time."""


@dataclass(frozen=True)
class Heat:
    """One entrant with a number of threads, timed in turns with the first of all.

    Attributes:
        name: the entrant's.
        rank: smaller for the more exact, then for the simpler; see Candidate.
        threads: how many CPUs it had; all there are is the default, and simpler than any other number.
        ratio: how many times as fast as the first of all.
        is_eligible: whether it may win: its gates saw how well it answers.
    """

    name: str
    rank: tuple[int, int]
    threads: int
    ratio: Spread
    is_eligible: bool = True

    @property
    def order(self) -> tuple[int, int, int]:
        """Smaller is what wins of two that are equally fast."""
        return (*self.rank, -self.threads)

    @property
    def label(self) -> str:
        """In words."""
        return f"{self.name}, {self.threads} thread{'s' if self.threads > 1 else ''}"


@dataclass(frozen=True)
class Verdict:
    """The winner, why, in words, and who was in the final with it."""

    winner: Heat
    reason: str
    finalists: tuple[Heat, ...]


def is_slower(fewer: Spread, more: Spread) -> bool:
    """Whether fewer threads lost so clearly that yet fewer need not be tried."""
    return fewer.high * WORTH < more.low


def finalists(heats: Sequence[Heat]) -> tuple[Heat, ...]:
    """Those that may be the fastest: the best median, and all whose quartiles reach its own, give or take WORTH; of too
    many the most exact and simplest beside the best. Best first."""
    eligible = sorted((heat for heat in heats if heat.is_eligible), key=lambda heat: (-heat.ratio.median, heat.order))
    best = eligible[0]
    near = [heat for heat in eligible[1:] if heat.ratio.high * WORTH >= best.ratio.low]
    return (best, *sorted(near, key=lambda heat: heat.order)[: FINALISTS - 1])


def decide(final: Mapping[Heat, Sequence[float]], heats: Sequence[Heat]) -> Verdict:
    """The winner of finalists that took turns.

    The one with the least median time leads. It beats another if the lower quartile of how many times as fast it is,
    round by round, is above WORTH. Of those that it does not beat, itself among them, the most exact wins, of equally
    exact ones the simplest.

    Args:
        final: finalist -> seconds in each round, the same number of rounds for all; one alone needs none.
        heats: all of them, to name who came after a winner without a final.
    """
    times = {heat: Spread.of(seconds).median for heat, seconds in final.items() if seconds}
    if not times:
        (winner,) = final
        return Verdict(winner, _alone(winner, heats), (winner,))
    leader = min(final, key=lambda heat: (times[heat], heat.order))
    leads = {heat: Spread.of_ratios(final[heat], final[leader]) for heat in final if heat is not leader}
    equal = [leader, *(heat for heat, lead in leads.items() if lead.low <= WORTH)]
    winner = min(equal, key=lambda heat: heat.order)
    return Verdict(winner, _why(winner, leader, leads), tuple(final))


def _why(winner: Heat, leader: Heat, leads: Mapping[Heat, Spread]) -> str:
    if winner is leader:
        return f"it is {', '.join(f'{lead} as fast as {heat.label}' for heat, lead in leads.items())}"
    more = "more exact" if winner.rank[0] < leader.rank[0] else "simpler"
    return f"{leader.label} is {leads[winner]} as fast, not beyond noise and {WORTH - 1:.0%}: the {more} one wins"


def _alone(winner: Heat, heats: Sequence[Heat]) -> str:
    others = [heat for heat in heats if heat.is_eligible and heat is not winner]
    if not others:
        return "nothing else passed its gates"
    second = max(others, key=lambda heat: heat.ratio.median)
    return (
        f"no other comes near it: the next, {second.label}, is {second.ratio} as fast as the first, it {winner.ratio}"
    )
