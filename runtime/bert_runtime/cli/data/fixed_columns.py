"""The columns of a table, which are the same in all of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bert_runtime.errors import InputError, ItemError, Problem
from bert_runtime.table.layout import RENAMED, Layout, Origin, Slot, values
from bert_runtime.table.rows import Row

WAITING = 1024
"""How many rows of JSON Lines are looked at for columns before a table's are decided."""


class FixedColumns:
    """The columns of a table, decided by the input's header, by what was written, or by the first WAITING rows."""

    def __init__(self, layout: Layout, passed: Sequence[str] | None, written: Sequence[str] | None = None) -> None:
        """Decide the columns where the input has a header, or where a table of these is `written` already."""
        self._layout = layout
        self.slots: tuple[Slot, ...] | None = None
        self.waiting: list[tuple[Row, Any]] = []
        self._known: dict[str, None] = {}
        self._is_begun = written is not None
        if layout.chosen is not None or passed is not None:
            self.slots = layout.slots(passed or ())
        elif written is not None:
            own = {slot.name for slot in layout.slots(())}
            self.slots = layout.slots([_source(name, own) for name in written if name not in own])

    def take(self, row: Row, answer: Any) -> None:
        """A row more.

        Raises:
            InputError: it has a column that the table has not.
        """
        if self.slots is None:
            self._known |= dict.fromkeys(row.rest)
        elif not isinstance(answer, ItemError):
            self._check(row)
        self.waiting.append((row, answer))
        if len(self.waiting) >= WAITING:
            self.decide()

    def decide(self) -> None:
        """Let the rows that wait decide the columns, where nothing did."""
        if self.slots is None:
            self.slots = self._layout.slots(tuple(self._known))

    def taken(self) -> tuple[list[str], list[dict[str, Any]]]:
        """The header, where it was not taken before, and the values of the rows that wait."""
        self.decide()
        slots = self.slots or ()
        header = [] if self._is_begun else [slot.name for slot in slots]
        self._is_begun = True
        rows = [values(slots, row, answer) for row, answer in self.waiting]
        self.waiting = []
        return header, rows

    def _check(self, row: Row) -> None:
        known = {slot.source for slot in self.slots or () if slot.origin is Origin.INPUT}
        new = [name for name in row.rest if name not in known] if self._layout.chosen is None else []
        if new:
            message = (
                f"{new[0]!r} stands in no row before; name all that the table is to have with --columns, or write JSON "
                "Lines"
            )
            raise InputError(Problem("new-column", new[0], message))


def _source(name: str, own: set[str]) -> str:
    """The input's name of a column that is passed on, from that of the output."""
    stem = name.removeprefix(RENAMED)
    return stem if stem in own else name
