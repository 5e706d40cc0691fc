"""The columns of a flat output: what is passed on of the input, then the answer's, then those of a bad row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from bert_runtime.errors import InputError, ItemError
from bert_runtime.lines import BlankError
from bert_runtime.record_writers import Json, encode
from bert_runtime.table.answers import AnswerColumns, Column
from bert_runtime.table.kinds import Plain
from bert_runtime.table.rows import Row

RENAMED = "input_"
"""Before the name of a column that is passed on where an answer's has the same name."""

FAULT = tuple(
    Column(name, Plain("int64" if name == "line" else "string")) for name in ("error", "code", "field", "line")
)
"""The columns of a bad row: the reason in words, its code and field, and the row's number."""

FILE = Column("file", Plain("string"))
"""Beside them where there are several files: the row's own."""


class Origin(Enum):
    """Where a column of the output comes from."""

    INPUT = "input"
    ANSWER = "answer"
    FAULT = "fault"


@dataclass(frozen=True)
class Slot:
    """A column of the output.

    Attributes:
        name: its own.
        origin: where it comes from.
        source: its name there.
        column: what it holds; None for one that is passed on.
    """

    name: str
    origin: Origin
    source: str
    column: Column | None = None


@dataclass(frozen=True)
class Layout:
    """Which columns a flat output has.

    Attributes:
        answers: the columns that answers can give.
        chosen: the names that `--columns` gives; None for what is passed on and the usual ones of an answer.
        faults: the columns of bad rows; none where a bad row ends the run.
    """

    answers: AnswerColumns
    chosen: tuple[str, ...] | None
    faults: tuple[Column, ...]

    @property
    def wanted(self) -> tuple[str, ...] | None:
        """The input's columns that are chosen; None for all that no field takes."""
        if self.chosen is None:
            return None
        return tuple(self._input(name) for name in self.chosen if name not in self.answers.all)

    def slots(self, passed: Sequence[str]) -> tuple[Slot, ...]:
        """The output's columns where these of the input are passed on."""
        faults = [Slot(column.name, Origin.FAULT, column.name, column) for column in self.faults]
        if self.chosen is not None:
            return (*map(self._slot, self.chosen), *faults)
        answers = [self._slot(name) for name in self.answers.usual]
        taken = {slot.name for slot in (*answers, *faults)}
        kept = [Slot(RENAMED + name if name in taken else name, Origin.INPUT, name) for name in passed]
        return (*kept, *answers, *faults)

    def _slot(self, name: str) -> Slot:
        if name in self.answers.all:
            return Slot(name, Origin.ANSWER, name, self.answers.all[name])
        return Slot(name, Origin.INPUT, self._input(name))

    def _input(self, name: str) -> str:
        """`input_label` is the input's `label` where an answer has one as well."""
        own = name.removeprefix(RENAMED)
        return own if own in self.answers.all else name


def check_chosen(chosen: Sequence[str], faults: Sequence[Column]) -> None:
    """Raise InputError where `--columns` names one twice, or one that a bad row needs."""
    reserved = [column.name for column in faults]
    problems = [
        f"--columns: {name!r} stands there twice, expected each once"
        for name in sorted({name for name in chosen if chosen.count(name) > 1})
    ]
    problems += [
        f"--columns: {name!r} is written for bad rows anyway; leave it out" for name in chosen if name in reserved
    ]
    if problems:
        raise InputError(problems)


def values(slots: Sequence[Slot], row: Row, answer: Any) -> dict[str, Any]:
    """Column -> value of one row; a bad or a blank one has nulls in the answer's place."""
    fault = _fault(row, answer) if isinstance(answer, ItemError) and not isinstance(row.content, BlankError) else {}
    found: dict[str, Any] = {}
    for slot in slots:
        if slot.origin is Origin.INPUT:
            found[slot.name] = row.rest.get(slot.source)
        elif slot.origin is Origin.FAULT:
            found[slot.name] = fault.get(slot.source)
        elif slot.column is not None:
            found[slot.name] = None if isinstance(answer, ItemError) else slot.column.value(answer)
    return found


def _fault(row: Row, error: ItemError) -> Mapping[str, Json]:
    where = {"file": row.file} if row.file else {}
    reason = encode("; ".join(error.problems)).decode()  # a lone surrogate has no place in a table
    field = encode(error.field).decode()
    return {"error": reason, "code": error.code, "field": field, "line": row.number, **where}
