"""From a figure of matplotlib to SVG: the same bytes every time, and text in the colours of the page around it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

INK, FAINT = "#010203", "#040506"
"""Stand for the page's own colours of text and of lines behind the data: `drawn` replaces them."""

_REPLACED = {INK: "currentColor", FAINT: "var(--faint, #80808055)"}

STYLE: dict[Any, Any] = {  # a parameter takes what it takes: matplotlib checks names and values when they are set
    "svg.fonttype": "none",  # text stays text: it can be found, read aloud, and takes a tenth of the bytes
    "svg.hashsalt": "bert-export",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}

FONTS = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
"""What a browser shows in place of the font that matplotlib measures with, which is wider than most."""

LIGHT_AND_DARK = (
    "<style>svg{color:#1f2328;--faint:#d1d9e0}"
    "@media(prefers-color-scheme:dark){svg{color:#e6edf3;--faint:#3d444d}}</style>"
)
"""For a picture that stands alone."""


@contextmanager
def styled() -> Iterator[None]:
    """The style, for whoever makes a figure and for `drawn`."""
    with mpl.rc_context(STYLE):
        yield


def drawn(figure: Figure, name: str, description: str, alone: bool = False) -> str:
    """A figure as an `<svg>` element.

    Args:
        figure: made under `styled`.
        name: unique on its page; its ids begin with it.
        description: what it shows, for whoever does not see it.
        alone: a file of its own, which brings the colours of text itself.
    """
    written = io.StringIO()
    with styled():
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = written.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|xlink:href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"'DejaVu Sans'[^;\"]*(?=[;\"])", FONTS, svg)
    for stand_in, colour in _REPLACED.items():
        svg = svg.replace(stand_in, colour)
    width = re.search(r'width="([0-9.]+)pt"', svg)
    assert width is not None, "matplotlib gives an SVG its width in points"
    svg = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1), count=1
    )
    start = f'<svg role="img" aria-label="{escape(description)}" style="max-width:{float(width[1]) * 1.25:.0f}px"'
    svg = svg.replace("<svg", start, 1)
    if alone:
        svg = svg.replace(">", f">{LIGHT_AND_DARK}", 1)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"
