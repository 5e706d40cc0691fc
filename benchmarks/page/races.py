"""Engines timed on batches of several shapes: what `latency`, `cpu_time`, `int8_speed` and `gpu` have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.page.charts import Axis, Line, Look, Panel, Spread, lines, panels
from benchmarks.page.figure import Drawn
from benchmarks.peers import PEERS
from benchmarks.summary import Rounds, speed_up, typical
from benchmarks.workload import Case

Times = Mapping[str, Mapping[Case, Rounds]]
"""Engine, by its name for people -> case -> milliseconds of each call by round."""


@dataclass(frozen=True)
class Race:
    """The times of all engines, and the name of the one that ratios compare with."""

    times: Times
    baseline: str

    @property
    def cases(self) -> list[Case]:
        """Every case, in the order of the results."""
        return list(dict.fromkeys(case for found in self.times.values() for case in found))


def race_of(measurements: Any) -> Race | None:
    """The race that measurements describe, whatever the benchmark's name; None where they are of another shape."""
    if not isinstance(measurements, list) or not measurements or not all(map(_is_timing, measurements)):
        return None
    times: dict[str, dict[Case, Rounds]] = defaultdict(dict)
    for each in measurements:
        times[_engine(each)][Case(each["batch"], each["sequence"])] = each["rounds"]
    first = measurements[0]
    return Race(dict(times), shown(first.get("baseline") or first.get("peer") or first["variant"]))


def shown(peer: str) -> str:
    """An engine's name for people; `int8` calls our own variants by their target alone."""
    if peer.startswith(("cpu ", "openvino ")):
        return f"bert-export, {peer}"
    return PEERS[peer].name if peer in PEERS else peer


def figures(race: Race, unit: str = "time", about: str = "") -> Iterator[Drawn]:
    """What there is to see of a race: over the length, over the batch, and against the baseline.

    `unit` is what was measured, time or CPU time; `about` is a sentence that stands under every figure.
    """
    for each in (*_over_length(race, unit), *_over_batch(race, unit), *against_baseline(race)):
        yield replace(each, explanation=f"{each.explanation} {about}".strip())


def _is_timing(each: Any) -> bool:
    named = isinstance(each, dict) and ("peer" in each or "variant" in each)
    return named and {"batch", "sequence", "rounds"} <= each.keys() and bool(each["rounds"])


def _engine(measurement: Mapping[str, Any]) -> str:
    return shown(measurement.get("peer") or measurement["variant"])


def _over_length(race: Race, unit: str) -> Iterator[Drawn]:
    for batch, cases in _varying(race.cases, lambda case: case.batch, lambda case: case.sequence):
        drawn = [
            Line(engine, [case.sequence for case in own], [typical(found[case]) for case in own])
            for engine, found in race.times.items()
            if (own := [case for case in cases if case in found])
        ]
        rows = f"{batch} row{'s' if batch > 1 else ''}"
        yield Drawn(
            f"length-b{batch}",
            f"{unit[0].upper()}{unit[1:]} of a call of {rows} over its length",
            "Both axes are logarithmic: the same distance is the same ratio. Lower is faster.",
            lines(drawn, Axis("tokens in a row", logarithmic=True), Axis(f"ms, {rows} a call", logarithmic=True)),
        )


def _over_batch(race: Race, unit: str) -> Iterator[Drawn]:
    for length, cases in _varying(race.cases, lambda case: case.sequence, lambda case: case.batch):
        drawn = [
            Line(engine, [case.batch for case in own], [case.batch / typical(found[case]) * 1e3 for case in own])
            for engine, found in race.times.items()
            if (own := [case for case in cases if case in found])
        ]
        yield Drawn(
            f"batch-s{length}",
            f"Rows of {length} tokens a second over the size of the batch",
            f"By {unit}. Higher is faster.",
            lines(drawn, Axis("rows in a batch", logarithmic=True), Axis(f"rows of {length} tokens a second")),
        )


def against_baseline(race: Race, named: Callable[[Case], str] = lambda case: case.name) -> Iterator[Drawn]:
    """Bars of how many times as fast as the baseline each engine is, a panel for each case."""
    faster: dict[Case, dict[str, Spread]] = {}
    for case in race.cases:
        baseline = race.times.get(race.baseline, {}).get(case)
        if baseline is None:
            continue
        ratios = {name: speed_up(found[case], baseline) for name, found in race.times.items() if case in found}
        faster[case] = {name: Spread(ratio.median, ratio.low, ratio.high) for name, ratio in ratios.items()}
    if not faster:
        return
    best = ranked(faster.values())
    yield Drawn(
        "ratio",
        f"How many times as fast as {race.baseline}",
        "The median over rounds, each against the baseline's of the same round; whiskers are the quartiles.",
        panels(
            [
                Panel(named(case), {name: found[name] for name in best if name in found}, reference=1.0)
                for case, found in faster.items()
            ],
            Look("times as fast"),
        ),
    )


def ranked(tables: Iterable[Mapping[str, Spread]]) -> list[str]:
    """Names of several tables, the largest mean value first."""
    values: dict[str, list[float]] = defaultdict(list)
    for table in tables:
        for name, spread in table.items():
            values[name].append(spread.value)
    return sorted(values, key=lambda name: -sum(values[name]) / len(values[name]))


def _varying(cases: Sequence[Case], fixed: Any, moving: Any) -> Iterator[tuple[int, list[Case]]]:
    """The groups of cases that share one size and have several of the other, in its order."""
    groups: dict[int, list[Case]] = defaultdict(list)
    for case in cases:
        groups[fixed(case)].append(case)
    for size, group in groups.items():
        if len(group) > 1:
            yield size, sorted(group, key=moving)
