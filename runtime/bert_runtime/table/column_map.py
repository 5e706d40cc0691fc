"""Which column of a data file is which field of a request, and what is passed on to the output."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bert_runtime.errors import InputError, Problem
from bert_runtime.field_text import flag_of
from bert_runtime.nearest import misspelt, nearest
from bert_runtime.tasks.request import Request

REPORTED = 20
"""How many problems are named at once."""


@dataclass(frozen=True)
class ColumnMap:
    """How rows become requests.

    Attributes:
        request: the class of the requests.
        named: field -> column, where flags say so; every other field is in the column of its own name.
        defaults: fields for rows that lack them.
        is_flat: whether what no field takes is passed on to the output; else only the task's fields are known.
        allow_extra: whether other fields are ignored instead of refused; where rows are flat, those alone are refused
            that look like a misspelt field.
        wanted: the columns of the input that are passed on, in this order; None: all that no field takes.
    """

    request: type[Request]
    named: Mapping[str, str]
    defaults: Mapping[str, object]
    is_flat: bool
    allow_extra: bool
    wanted: tuple[str, ...] | None = None

    @cached_property
    def columns(self) -> dict[str, str]:
        """Column -> field; a column that a flag names for one field is no longer that of its own name."""
        own = {field: self.named.get(field, field) for field in self.fields}
        taken = set(self.named.values())
        return {column: field for field, column in own.items() if field in self.named or column not in taken}

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The names of the request's fields."""
        return tuple(field.name for field in dataclasses.fields(self.request))

    @cached_property
    def hints(self) -> dict[str, object]:
        """Field -> its type."""
        return typing.get_type_hints(self.request)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The fields that each row must give."""
        return tuple(name for name in self.request.required() if name not in self.defaults)

    def split(self, content: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
        """The request's fields, defaults among them, and what is passed on."""
        if not self.is_flat:
            known = self.fields
            own = {name: value for name, value in content.items() if not self.allow_extra or name in known}
            return {**self.defaults, **own}, dict(content)
        columns = self.columns
        own = {columns[name]: value for name, value in content.items() if name in columns}
        return {**self.defaults, **own}, {name: content[name] for name in self.passed(content)}

    def passed(self, columns: Collection[str]) -> tuple[str, ...]:
        """Those of a file's columns that are passed on."""
        if self.wanted is not None:
            return tuple(name for name in self.wanted if name in columns)
        return tuple(name for name in columns if name not in self.columns)

    def misspelt(self, columns: Collection[str]) -> list[str]:
        """Columns that look like an optional field which no column holds: passed on, they would change answers in
        silence. One that `wanted` names is meant."""
        if not self.is_flat or self.allow_extra:
            return []
        free = [field for field in self.fields if field not in self.required and self._column(field) not in columns]
        meant = {name: misspelt(name, free) for name in columns if name not in self.columns}
        return [
            Problem(
                "unknown-field",
                name,
                f"the column {name!r} is almost the field {field!r}, which no column holds; say --column "
                f"{field}={name}, or name it in --columns to pass it on",
            )
            for name, field in meant.items()
            if field is not None and name not in (self.wanted or ())
        ]

    def problems(self, columns: Sequence[str]) -> list[str]:
        """What keeps every row of a file with these columns from being a request."""
        problems: list[str] = [
            self._missing(field, columns) for field in self.required if self._column(field) not in columns
        ]
        problems += [
            Problem("missing-field", column, f"the column {column!r} is missing{nearest(column, columns)}")
            for field, column in self.named.items()
            if column not in columns and field not in self.required
        ]
        problems += [
            Problem("unknown-column", name, f"--columns: got {name!r}, which neither the input nor an answer has")
            for name in self.wanted or ()
            if name not in columns
        ]
        problems += self.misspelt(columns)
        strange = [] if self.is_flat or self.allow_extra else [name for name in columns if name not in self.fields]
        if strange:
            told = ", ".join(f"{name!r}{nearest(name, self.fields)}" for name in strange[:REPORTED])
            message = (
                f"unknown: the columns {told}; the fields are {', '.join(self.fields)}; --allow-extra leaves other "
                "columns alone"
            )
            problems.append(Problem("unknown-field", strange[0], message))
        return problems

    def _column(self, field: str) -> str:
        return self.named.get(field, field)

    def _missing(self, field: str, columns: Sequence[str]) -> Problem:
        column = self._column(field)
        if not self.is_flat:
            message = f"the column {column!r} is missing; add it, or give {flag_of(field)} for every line"
            return Problem("missing-field", column, message)
        shown = ", ".join(map(repr, columns[:REPORTED]))
        message = (
            f"the column {column!r} is missing; the columns are {shown}; say which holds it with --column "
            f"{field}=COLUMN, or give {flag_of(field)} for every row"
        )
        return Problem("missing-field", column, message)


def named_columns(task: Any, text_column: str | None, pairs: Sequence[str]) -> dict[str, str]:
    """Field -> column, as `--text-column` and `--column` say.

    Raises:
        InputError: a pair that is none, an unknown field, or a field or a column that is named twice.
    """
    fields = [field.name for field in dataclasses.fields(task.request)]
    given = [pair.partition("=") for pair in pairs]
    problems: list[str] = [
        f"--column {''.join(pair)}: expected FIELD=COLUMN, with a field of {', '.join(fields)}"
        f"{nearest(pair[0], fields)}"
        for pair in given
        if pair[0] not in fields or not pair[2]
    ]
    named = [(field, column) for field, _, column in given]
    if text_column is not None:
        text = _text_field(task.request)
        named.append((text or "", text_column))
        if text is None:
            needed = " ".join(f"--column {field}=COLUMN" for field in task.request.required())
            problems.append(f"--text-column: a request of {task.name} has no one text, expected {needed}")
    for what, names in (("field", [field for field, _ in named]), ("column", [column for _, column in named])):
        doubled = sorted({name for name in names if names.count(name) > 1 and name})
        problems += [f"the {what} {name!r} is named twice, expected each once" for name in doubled]
    if problems:
        raise InputError(problems)
    return dict(named)


def _text_field(request: type[Request]) -> str | None:
    """The field that `--text-column` fills: `text`, or the only one that a request needs."""
    required = request.required()
    if "text" in required:
        return "text"
    return required[0] if len(required) == 1 else None
