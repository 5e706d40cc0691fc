"""Bars as an SVG, which needs no library to make and any browser shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, ROW, TOP = 960, 380, 90, 18, 40
FONT = 'font-family="sans-serif" font-size="12"'


@dataclass(frozen=True)
class Bar:
    """A named value, zero or more."""

    name: str
    value: float


def svg(bars: Sequence[Bar], title: str) -> str:
    """A picture of horizontal bars from zero, in the order given."""
    longest = max((bar.value for bar in bars), default=0.0) or 1.0
    height = TOP + ROW * len(bars) + 8
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-weight="bold">{escape(title)}</text>',
    ]
    for i, bar in enumerate(bars):
        y, width = TOP + ROW * i, bar.value / longest * (WIDTH - LEFT - RIGHT)
        parts.append(f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(bar.name)}</text>')
        parts.append(f'<rect x="{LEFT}" y="{y + 2}" width="{width:.1f}" height="{ROW - 5}" fill="#0b6e4f"/>')
        parts.append(f'<text x="{LEFT + width + 6:.1f}" y="{y + 12}">{bar.value:.4g}</text>')
    return "\n".join([*parts, "</svg>", ""])
