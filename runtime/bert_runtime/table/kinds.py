"""The types of columns, as values: read from the annotations of results, and turned into Arrow's by `arrow`."""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import dataclass

from numpy.typing import NDArray

Kind: typing.TypeAlias = "Plain | ListOf | StructOf | Vector"


@dataclass(frozen=True)
class Plain:
    """A column of bool, int64, float64 or string; `name` is Arrow's."""

    name: str


@dataclass(frozen=True)
class ListOf:
    """A list of any length in each row."""

    item: Kind


@dataclass(frozen=True)
class StructOf:
    """Named fields in each row."""

    fields: tuple[tuple[str, Kind], ...]


@dataclass(frozen=True)
class Vector:
    """float32 of one `size`, the same in each row."""

    size: int


_PLAIN = {bool: "bool", int: "int64", float: "float64", str: "string"}


def kind_of(hint: object, vector_size: int) -> Kind:
    """The kind of a value that is annotated with `hint`; None beside another type is a null.

    Args:
        vector_size: the size of an array.

    Raises:
        TypeError: a result holds what no column can.
    """
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (hint,) = (option for option in typing.get_args(hint) if option is not type(None))
    if hint in _PLAIN:
        return Plain(_PLAIN[hint])
    if typing.get_origin(hint) is tuple:
        return ListOf(kind_of(typing.get_args(hint)[0], vector_size))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return StructOf(tuple((field.name, kind_of(hints[field.name], vector_size)) for field in fields_of(hint)))
    if typing.get_origin(hint) is typing.get_origin(NDArray[typing.Any]):
        return Vector(vector_size)
    raise TypeError(f"{hint} is no type of a column")


def fields_of(result: type) -> tuple[dataclasses.Field[typing.Any], ...]:
    """The fields of a result's class."""
    return dataclasses.fields(result)
