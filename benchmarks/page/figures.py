"""What is drawn of a result, by its benchmark's name, and of others by the shape of their measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.page.charts import Axis, Line, Look, Panel, Spread, lines, panels
from benchmarks.page.figure import Drawn
from benchmarks.page.gpu import gpu
from benchmarks.page.pruning import pruning
from benchmarks.page.races import against_baseline, race_of, shown
from benchmarks.page.races import figures as race_figures
from benchmarks.results import Result
from benchmarks.summary import spread


def figures(result: Result) -> Iterator[Drawn]:
    """The figures of a result; none where there is only a table."""
    own = FIGURES.get(result.benchmark)
    if own is not None:
        yield from own(result.measurements)
        return
    race = race_of(result.measurements)
    if race is not None:
        yield from race_figures(race, "CPU time" if result.benchmark in CPU_TIME else "time")


def accuracy(measurements: Mapping[str, Any]) -> Iterator[Drawn]:
    """How far each precision is from torch, and how often it answers the same."""
    made = [row for row in measurements["rows"] if "metrics" in row]
    reference, *others = made
    if not others:
        return
    metric = reference["metrics"][0]
    whole = f"{metric['metric']} {_percent(metric)}"
    changes = {row["variant"]: _points(row["differences"][0]) for row in others}
    same = {row["variant"]: _points(row["agreement"]) for row in others}
    yield Drawn(
        "accuracy",
        f"What is lost of {reference['variant']}'s {metric['metric']}, and how many answers stay",
        f"{reference['variant']}: {whole}, {metric['samples']} samples. Whiskers are 95% bootstrap intervals; those of "
        "the change are paired: one that crosses the line shows no change.",
        panels(
            [
                Panel("change, points", changes, "{:+.2f}", reference=0.0),
                Panel("same answer, %", same, "{:.1f}"),
            ],
            Look("", mark="dot", columns=2),
        ),
    )


def bulk(measurements: Mapping[str, Any]) -> Iterator[Drawn]:
    """The time of each way through the same texts."""
    spent = {name: Spread(*spread([[each] for each in seconds])) for name, seconds in measurements["ways"].items()}
    fastest = sorted(spent, key=lambda name: spent[name].value)
    told = f"{measurements['texts']:,} texts of {measurements['tokens']:,} tokens, from strings to labels"
    yield Drawn(
        "bulk",
        "Seconds for all texts",
        f"{told}; the median of the rounds, whiskers are quartiles. Lower is faster.",
        panels([Panel("", {name: spent[name] for name in fastest})], Look("s")),
    )


def generation(measurements: Sequence[Mapping[str, Any]]) -> Iterator[Drawn]:
    """The median cost of a token by the number of tokens before it, averaged over neighbours."""
    longest = {each["writer"]: each for each in measurements}
    drawn = [
        Line(name, *_smooth(each["prompt"], np.median(each["rounds"], axis=0)[1:])) for name, each in longest.items()
    ]
    yield Drawn(
        "generation",
        "The cost of a token while a text grows",
        "The median of the rounds, averaged over 15 neighbours. Lower is faster.",
        lines(drawn, Axis("tokens before it"), Axis("ms for a token")),
    )


def new_lengths(measurements: Sequence[Mapping[str, Any]]) -> Iterator[Drawn]:
    """The mean cost of a request by the number of requests before it, averaged over neighbours."""
    drawn = [Line(each["way"], *_smooth(0, np.mean(each["rounds"], axis=0), 41)) for each in measurements]
    yield Drawn(
        "new-lengths",
        "The cost of a request while an engine meets new lengths",
        "A new process, real texts one by one; the mean of the rounds, averaged over 41 neighbours. Lower is faster.",
        lines(drawn, Axis("requests before it"), Axis("ms for a request")),
    )


def real_text(measurements: Sequence[Mapping[str, Any]]) -> Iterator[Drawn]:
    """Requests one by one and at once: a time is that of one request, so that only ratios are drawn."""
    race = race_of(measurements)
    if race is not None:
        yield from against_baseline(race, lambda case: "one by one" if case.batch == 1 else f"{case.batch} at once")


def memory(measurements: Mapping[str, Any]) -> Iterator[Drawn]:
    """Whole processes, from their start to the first answer."""
    seconds, peaks = (
        {name: Spread(*spread([[run[what]] for run in runs])) for name, runs in measurements["start"].items()}
        for what in ("seconds", "peak_mib")
    )
    yield Drawn(
        "start",
        "A process until its first answer",
        "Imports included; the median of the processes, whiskers are quartiles. Lower is better.",
        panels([Panel("seconds", seconds), Panel("peak memory, MiB", peaks, "{:.0f}")], Look("", columns=2)),
    )


def roofline(measurements: Mapping[str, Any]) -> Iterator[Drawn]:
    """The share of the machine's peak that each engine reaches."""
    peaks = {precision: max(engines.values()) for precision, engines in measurements["peaks"].items()}
    works: dict[str, dict[str, Spread]] = {"b8 s128": {}, "mixed real texts in bulk": {}}
    for each in (*measurements["engines"], *measurements["bulk"]):
        work, rounds = ("mixed real texts in bulk", [[1e3 * s] for s in each["seconds"]]) if "seconds" in each else (
            "b8 s128", each["rounds"])  # fmt: skip
        most = each.get("peaks", [peaks[each["precision"]]] * len(rounds))
        possible = [[1e9 * now * milliseconds for milliseconds in took] for took, now in zip(rounds, most, strict=True)]
        middle, low, high = (100 * each["operations"] / operations for operations in spread(possible))
        works[work][f"{shown(each['peer'])} ({each['precision']})"] = Spread(middle, high, low)
    yield Drawn(
        "roofline",
        "Share of the machine's peak",
        "The peak is the fastest engine's on a chain of BERT-base's own products in the same precision; whiskers are "
        "quartiles. 100% is as good as it gets.",
        panels([Panel(work, found, "{:.0f}%") for work, found in works.items() if found], Look("%", columns=2)),
    )


FIGURES: Mapping[str, Callable[[Any], Iterator[Drawn]]] = {
    "accuracy": accuracy,
    "bulk": bulk,
    "generation": generation,
    "new_lengths": new_lengths,
    "real_text": real_text,
    "memory": memory,
    "pruning": pruning,
    "roofline": roofline,
    "gpu": gpu,
    "gpu_rehearsal": gpu,
}


CPU_TIME = ("cpu_time", "int8_speed_1")
"""Benchmarks that count the CPU time of one thread, not the time that a caller waits."""


def _points(found: Mapping[str, Any]) -> Spread:
    return Spread(100 * found["value"], 100 * found["low"], 100 * found["high"])


def _percent(found: Mapping[str, Any]) -> str:
    points = _points(found)
    return f"{points.value:.1f} ({points.low:.1f} to {points.high:.1f})"


def _smooth(prompt: int, milliseconds: Any, width: int = 15) -> tuple[list[float], list[float]]:
    means: list[float] = np.convolve(milliseconds, np.ones(width) / width, mode="valid").tolist()
    return [float(prompt + 1 + width // 2 + i) for i in range(len(means))], means
