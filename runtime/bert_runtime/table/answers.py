"""A task's answers as flat columns: which there are, of which kind, and the values of one answer."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bert_runtime.record_writers import Json, to_json
from bert_runtime.session import Session
from bert_runtime.table.kinds import Kind, Vector, fields_of, kind_of


@dataclass(frozen=True)
class Column:
    """A column of answers: `name` is an attribute of the result."""

    name: str
    kind: Kind

    def value(self, answer: object) -> Any:
        """The value of one answer: an array for a vector, else plain JSON."""
        found = getattr(answer, self.name)
        return found if isinstance(self.kind, Vector) else to_json(found)


@dataclass(frozen=True)
class AnswerColumns:
    """All columns that a session's answers can give, and those that they give unasked.

    Attributes:
        all: name -> column.
        usual: the names of a row by default.
    """

    all: Mapping[str, Column]
    usual: tuple[str, ...]

    def chosen(self, names: Sequence[str]) -> tuple[Column, ...]:
        """The columns of these names."""
        return tuple(self.all[name] for name in names)


def answer_columns(session: Session[Any, Any]) -> AnswerColumns:
    """The columns of a session's answers, read from the class of its results."""
    result, size = session.result_type, session.record.sizes.get("hidden", 0)
    hints = typing.get_type_hints(result)
    names = [field.name for field in fields_of(result)]
    usual = session.row_columns
    for name in usual:
        if name not in hints:  # a property
            hints[name] = typing.get_type_hints(getattr(result, name).fget)["return"]
    every = dict.fromkeys((*usual, *names))
    return AnswerColumns({name: Column(name, kind_of(hints[name], size)) for name in every}, usual)


def row_values(columns: Sequence[Column], answer: object) -> dict[str, Json]:
    """One answer as a JSON object of flat columns."""
    return {column.name: to_json(column.value(answer)) for column in columns}
