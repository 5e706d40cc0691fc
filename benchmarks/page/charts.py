"""The two kinds of figure: lines over a quantity, and rows of bars or dots in panels side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from benchmarks.page.colours import colour_of
from benchmarks.page.drawing import INK, styled
from benchmarks.page.labels import spaced

WIDTH = 9.6
"""Inches."""
LINE_HEIGHT = 0.2
"""Inches of a line of text, also between two labels of lines."""
ROW = 0.27
LETTER = 0.085
"""Inches: a bar with its name, and a letter of a name."""
NUMBER = 0.34
"""The room for numbers, as a share of the axis."""
DASHES = ("-", "--", ":", "-.")
MARKERS = "osD^v"


@dataclass(frozen=True)
class Line:
    """An engine's values over a quantity."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class Axis:
    """What an axis shows; `logarithmic` where ratios matter more than differences."""

    title: str
    logarithmic: bool = False


@dataclass(frozen=True)
class Spread:
    """A value with the ends of its whisker."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Panel:
    """A set of values, one for each row that has one.

    Attributes:
        title: stands above it.
        number: the format of a value.
        reference: where a line is drawn to compare with; None for none.
    """

    title: str
    values: Mapping[str, Spread]
    number: str = "{:.2f}"
    reference: float | None = None


@dataclass(frozen=True)
class Look:
    """How panels are drawn.

    Attributes:
        x_title: what the values are.
        mark: bars from zero, or dots with whiskers on an axis of their own.
        columns: panels side by side.
    """

    x_title: str
    mark: Literal["bar", "dot"] = "bar"
    columns: int = 4


def lines(drawn: Sequence[Line], x: Axis, y: Axis) -> Figure:
    """Lines with their names at their right ends, no two names over each other."""
    with styled():
        longest = max(len(line.name) for line in drawn)
        height = max(3.6, 1.0 + LINE_HEIGHT * len(drawn))
        figure = Figure(figsize=(WIDTH, height))
        right = 1 - (longest * LETTER + 0.35) / WIDTH
        axes = figure.add_axes((0.08, 0.6 / height, right - 0.08, 1 - 1.0 / height))
        markers = len({value for line in drawn for value in line.x}) <= 12
        for line, (dash, marker) in zip(drawn, _strokes(drawn), strict=True):
            axes.plot(
                line.x,
                line.y,
                color=colour_of(line.name),
                linestyle=dash,
                marker=marker if markers else "",
                markersize=5,
                linewidth=1.8,
            )
        _scale(axes, drawn, x, y)
        _name_ends(axes, drawn, height - 1.0)
    return figure


def panels(shown: Sequence[Panel], look: Look) -> Figure:
    """Panels side by side and below each other, their common rows in the order of the first panel that has each."""
    with styled():
        rows = list(dict.fromkeys(name for panel in shown for name in panel.values))
        columns = min(look.columns, len(shown))
        bands = math.ceil(len(shown) / columns)
        left = max(len(name) for name in rows) * LETTER + 0.2
        band = ROW * len(rows) + 0.95
        height = band * bands + 0.1
        figure = Figure(figsize=(WIDTH, height))
        gap = 0.25
        width = (WIDTH - left - 0.15) / columns
        for i, panel in enumerate(shown):
            across, down = i % columns, i // columns
            bottom = height - band * (down + 1) + 0.5
            place = (left + across * width, bottom, width - gap, ROW * len(rows))
            axes = figure.add_axes(
                (place[0] / WIDTH, place[1] / height, place[2] / WIDTH, place[3] / height), label=f"panel {i}"
            )
            _panel(axes, panel, rows, look)
            if across:
                axes.set_yticklabels([])
    return figure


def _strokes(drawn: Sequence[Line]) -> list[tuple[str, str]]:
    """A dash and a marker for each line: those of one colour differ."""
    seen: dict[str, int] = {}
    strokes = []
    for line in drawn:
        n = seen.setdefault(colour_of(line.name), 0)
        seen[colour_of(line.name)] += 1
        strokes.append((DASHES[n % len(DASHES)], MARKERS[n % len(MARKERS)]))
    return strokes


def _scale(axes: Axes, drawn: Sequence[Line], x: Axis, y: Axis) -> None:
    axes.set_xlabel(x.title)
    axes.set_title(y.title, loc="left")
    axes.grid(axis="y")
    axes.tick_params(length=0)
    if x.logarithmic:
        axes.set_xscale("log", base=2)
        axes.set_xticks(sorted({value for line in drawn for value in line.x}))
        axes.xaxis.set_major_formatter(FuncFormatter(_plain))
        axes.xaxis.set_minor_locator(NullLocator())
    if y.logarithmic:
        axes.set_yscale("log")
        low, high = (f(value for line in drawn for value in line.y) for f in (min, max))
        axes.set_yticks(_round_numbers(low, high))
        axes.yaxis.set_major_formatter(FuncFormatter(_plain))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(low / 1.15, high * 1.15)
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(FuncFormatter(_plain))


def _round_numbers(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten, from just below `low` to just above `high`."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    numbers = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    return [n for n in numbers if low / 1.15 <= n <= high * 1.15]


def _plain(value: float, _position: int) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:g}"


def _name_ends(axes: Axes, drawn: Sequence[Line], height: float) -> None:
    """The name of each line right of the axes, with a thin line to where the line ends."""
    to_axes = axes.transData + axes.transAxes.inverted()
    ends = [to_axes.transform((line.x[-1], line.y[-1])) for line in drawn]
    places = spaced([float(end[1]) for end in ends], LINE_HEIGHT / height)
    for line, end, place in zip(drawn, ends, places, strict=True):
        colour = colour_of(line.name)
        axes.plot(
            [float(end[0]), 1.03], [float(end[1]), place],
            transform=axes.transAxes, color=colour, linewidth=0.7, clip_on=False,
        )  # fmt: skip
        axes.text(1.035, place, line.name, transform=axes.transAxes, color=colour, va="center")


def _panel(axes: Axes, panel: Panel, rows: Sequence[str], look: Look) -> None:
    axes.set_title(panel.title, loc="left")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0)
    axes.set_xlabel(look.x_title)
    axes.xaxis.set_major_locator(MaxNLocator(3 if look.columns > 2 else 6, steps=[1, 2, 5, 10]))
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    room = _limits(axes, panel, look)
    if panel.reference is not None:
        axes.axvline(panel.reference, color=INK, linewidth=0.9)
    for name, spread in panel.values.items():
        at, colour = rows.index(name), colour_of(name)
        whisker = [[max(0.0, spread.value - spread.low)], [max(0.0, spread.high - spread.value)]]
        if look.mark == "bar":
            axes.barh(at, spread.value, height=0.66, color=colour)
            axes.errorbar(spread.value, at, xerr=whisker, color=INK, elinewidth=1, capsize=2, capthick=1)
        else:
            axes.errorbar(spread.value, at, xerr=whisker, color=colour, fmt="o", markersize=5, elinewidth=1.6)
        end = _clear(spread.high, panel.reference, room)
        number = panel.number.format(spread.value)
        axes.annotate(number, (end, at), xytext=(5, 0), textcoords="offset points", va="center", fontsize=9)


def _limits(axes: Axes, panel: Panel, look: Look) -> float:
    """Sets the ends of the axis, bars from zero, room on the right for the numbers; gives that room."""
    ends = [end for spread in panel.values.values() for end in (spread.low, spread.high)]
    if panel.reference is not None:
        ends.append(panel.reference)
    low, high = min(ends), max(ends)
    if look.mark == "bar":
        low = 0.0
    wide = (high - low) or abs(high) or 1.0
    axes.set_xlim(low - (0 if look.mark == "bar" else 0.06 * wide), high + NUMBER * wide)
    return NUMBER * wide


def _clear(end: float, reference: float | None, room: float) -> float:
    """Where a number begins: at its whisker's end, but not under the line of reference."""
    return reference if reference is not None and end < reference < end + 0.8 * room else end
