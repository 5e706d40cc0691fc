"""Lines as an SVG, which needs no library to make and any browser shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT, MARGIN = 720, 400, 56
FONT = 'font-family="sans-serif" font-size="12"'
COLOURS = ("#0b6e4f", "#b3541e", "#3b5998", "#7a3b8f")


@dataclass(frozen=True)
class Line:
    """A named line through points."""

    name: str
    x: Sequence[float]
    y: Sequence[float]


def svg(lines: Sequence[Line], x_title: str, y_title: str) -> str:
    """A picture of lines over common axes, which begin at zero."""
    right, top = max(max(line.x) for line in lines), max(max(line.y) for line in lines)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        *_axes(right, top),
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(x_title)}</text>',
        f'<text x="{MARGIN}" y="20">{escape(y_title)}</text>',
    ]
    for i, line in enumerate(lines):
        colour = COLOURS[i % len(COLOURS)]
        points = " ".join(_place(x / right, y / top) for x, y in zip(line.x, line.y, strict=True))
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>')
        parts.append(f'<text x="{MARGIN + 12}" y="{MARGIN + 16 * i}" fill="{colour}">{escape(line.name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _axes(right: float, top: float) -> Iterator[str]:
    for value in _ticks(right):
        x = _place(value / right, 0).split(",")[0]
        yield f'<text x="{x}" y="{HEIGHT - MARGIN + 18}" text-anchor="middle">{value:g}</text>'
    for value in _ticks(top):
        y = _place(0, value / top).split(",")[1]
        yield f'<line x1="{MARGIN}" x2="{WIDTH - 16}" y1="{y}" y2="{y}" stroke="#ddd"/>'
        yield f'<text x="{MARGIN - 6}" y="{y}" text-anchor="end" dominant-baseline="middle">{value:g}</text>'


def _ticks(end: float) -> list[float]:
    """Round numbers from 0 to `end`, about five of them."""
    step = 10 ** math.floor(math.log10(end / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if end / (step * factor) <= 6)
    return [i * step for i in range(int(end / step) + 1)]


def _place(x: float, y: float) -> str:
    """Where a point lies, from shares of the axes."""
    across, down = WIDTH - MARGIN - 16, HEIGHT - MARGIN - 32
    return f"{MARGIN + x * across:.1f},{HEIGHT - MARGIN - y * down:.1f}"
