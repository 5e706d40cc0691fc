"""Markdown: tables, and pages of which a part is generated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table, its first column left aligned and the others right."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' + '---:|' * (len(header) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def replaced(page: str, text: str, marks: tuple[str, str]) -> str:
    """`page` with `text` between the two marks.

    Raises:
        ValueError: the page lacks a mark.
    """
    begin, end = marks
    before, first, rest = page.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError(f"the page lacks {begin!r} or {end!r}, expected both in this order")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"
