"""A figure with the words around it."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawn:
    """A figure.

    Attributes:
        name: for ids and file names, unique within a result.
        title, explanation: what it shows, and how to read it.
        figure: made under the page's style.
    """

    name: str
    title: str
    explanation: str
    figure: Figure
