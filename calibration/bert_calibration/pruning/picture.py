"""The picture of a pruning, as an SVG: accuracy by speed for every point tried, and bars for what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from bert_calibration.bar_chart import FONT
from bert_calibration.pruning.prune import Pruning
from bert_calibration.pruning.search import Point
from bert_calibration.pruning.widths import LayerWidths

WIDTH, LEFT, RIGHT, TOP = 960, 70, 30, 40
PLOT, ROW, GAP = 280, 18, 60
KEPT, OTHER, INK, FAINT = "#0b6e4f", "#b3541e", "#333", "#ddd"


def pareto(pruning: Pruning) -> str:
    """Both parts, one above the other."""
    layers = pruning.layers
    height = TOP + PLOT + GAP + (len(layers) + 1) * ROW + 20
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
            f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
            *_points(pruning.points, pruning.kept),
            *_bars(layers, TOP + PLOT + GAP),
            "</svg>",
            "",
        ]
    )


def _points(points: Sequence[Point], kept: Point) -> Iterator[str]:
    limit = kept.accuracy.constraint.max_drop
    values = [value for point in points for value in (point.drop.low, point.drop.high)]
    low, high = min([0.0, *values]), max([limit, *values])
    fastest = max([1.5, *(point.reached for point in points)])

    def x(speed: float) -> float:
        return LEFT + (speed - 1) / (fastest - 1) * (WIDTH - LEFT - RIGHT)

    def y(drop: float) -> float:
        return TOP + (drop - low) / (high - low or 1) * (PLOT - 20)

    title = f"{kept.drop.metric}: drop by speed, with 95% intervals"
    yield f'<text x="{LEFT}" y="22" font-weight="bold">{escape(title)}</text>'
    for value, name in ((0.0, "no drop"), (limit, f"allowed: {limit:g}")):
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="{FAINT}"/>'
        yield f'<text x="{WIDTH - RIGHT}" y="{y(value) - 4:.1f}" text-anchor="end" fill="{INK}">{escape(name)}</text>'
    for point in points:
        colour = KEPT if point.asked == kept.asked else OTHER
        place = x(max(point.reached, 1.0))
        top, bottom = y(point.drop.low), y(point.drop.high)
        yield f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{top:.1f}" y2="{bottom:.1f}" stroke="{colour}"/>'
        yield f'<circle cx="{place:.1f}" cy="{y(point.drop.value):.1f}" r="4" fill="{colour}"/>'
        yield (
            f'<text x="{place:.1f}" y="{TOP + PLOT + 4}" text-anchor="middle" fill="{INK}">{point.reached:.2f}x</text>'
        )


def _bars(layers: Sequence[LayerWidths], top: int) -> Iterator[str]:
    """Heads on the left, neurons on the right."""
    room = (WIDTH - LEFT - RIGHT - 160) / 2
    yield f'<text x="{LEFT}" y="{top - 8}" font-weight="bold">what is left of each layer</text>'
    for i, each in enumerate(layers):
        y = top + i * ROW
        yield f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{each.layer}</text>'
        parts = ((each.heads, each.of_heads, "heads"), (each.neurons, each.of_neurons, "neurons"))
        for place, (number, of, name) in zip((LEFT, LEFT + room + 80), parts, strict=True):
            yield f'<rect x="{place:.1f}" y="{y + 2}" width="{room:.1f}" height="{ROW - 5}" fill="{FAINT}"/>'
            left = room * number / of
            yield f'<rect x="{place:.1f}" y="{y + 2}" width="{left:.1f}" height="{ROW - 5}" fill="{KEPT}"/>'
            yield f'<text x="{place + room + 6:.1f}" y="{y + 12}">{number} {name}</text>'
