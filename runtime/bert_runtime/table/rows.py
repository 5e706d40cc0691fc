"""A row of a data file: a request, and what is passed on beside its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bert_runtime.errors import InputError


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        number: its first line in a text file, else its place among the rows; from 1.
        content: the request's fields, or what is wrong with the row; BlankError where it holds nothing.
        rest: the columns that are passed on.
        file: what errors call its file, where there are several; else "".
    """

    number: int
    content: dict[str, object] | InputError
    rest: Mapping[str, Any]
    file: str = ""
