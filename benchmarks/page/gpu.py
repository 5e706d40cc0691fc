"""The figures of `benchmarks.gpu`: time and ratios where most of a batch is text, the floor, what padding costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.page.charts import Axis, Line, Look, Panel, Spread, lines, panels
from benchmarks.page.figure import Drawn
from benchmarks.page.races import Race, figures, ranked
from benchmarks.summary import Rounds, spread, typical
from benchmarks.workload import Case

Run = Mapping[str, Any]


def gpu(measurements: Mapping[str, Any]) -> Iterator[Drawn]:
    """What there is to see; nothing where nothing was measured."""
    runs: Sequence[Run] = measurements["runs"]
    if not runs:
        return
    fullest = max(run["fill"] for run in runs)
    full = [run for run in runs if run["fill"] == fullest]
    times: dict[str, dict[Case, Rounds]] = defaultdict(dict)
    for run in full:
        times[run["peer"]][_case(run)] = run["rounds"]
    race = Race(dict(times), full[0]["baseline"])
    yield from figures(race, about=f"{measurements['device']}. Batches that are {fullest:.0%} text.")
    yield from _above_the_floor(full)
    yield from _over_fill(runs)


def _above_the_floor(runs: Sequence[Run]) -> Iterator[Drawn]:
    floors: dict[Case, dict[str, Spread]] = defaultdict(dict)
    for run in runs:
        if run["floor"]:
            middle, low, high = (each / run["floor"] for each in spread(run["rounds"]))
            floors[_case(run)][run["peer"]] = Spread(middle, low, high)
    if not floors:
        return
    best = list(reversed(ranked(floors.values())))
    shown = [
        Panel(case.name, {name: found[name] for name in best if name in found}, "{:.1f}", reference=1.0)
        for case, found in floors.items()
    ]
    yield Drawn(
        "floor",
        "How many times as long as the hardware needs at least",
        "The floor is the encoder's products of the text alone at the fastest product of matrices seen here, or "
        "its weights read once at the fastest copy, whichever takes longer. 1 is as good as it gets.",
        panels(shown, Look("times the floor")),
    )


def _over_fill(runs: Sequence[Run]) -> Iterator[Drawn]:
    """For the largest case that was measured with several shares of text."""
    fills: dict[Case, dict[str, dict[float, float]]] = defaultdict(lambda: defaultdict(dict))
    for run in runs:
        fills[_case(run)][run["peer"]][run["fill"]] = typical(run["rounds"])
    several = {case: found for case, found in fills.items() if max(map(len, found.values())) > 1}
    if not several:
        return
    case = max(several, key=lambda each: each.batch * each.sequence)
    drawn = [
        Line(name, [100 * fill for fill in sorted(found)], [found[fill] for fill in sorted(found)])
        for name, found in several[case].items()
    ]
    yield Drawn(
        "fill",
        f"{case.name}: what padding costs",
        "The same batch with less text and more padding: whoever leaves padding out gets faster to the left.",
        lines(drawn, Axis("% of the batch that is text"), Axis(f"ms, {case.name}")),
    )


def _case(run: Run) -> Case:
    return Case(run["batch"], run["sequence"])
