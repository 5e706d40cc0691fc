"""A node of an ONNX graph, as far as it is checked."""

from __future__ import annotations

from dataclasses import dataclass

HOLDS = {1: 2, 2: 3, 3: 4, 4: 5, 7: 8}
"""AttributeProto.AttributeType -> the field of AttributeProto that holds the value."""
VALUES = frozenset({2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15, 21, 22, 23})
"""The fields of AttributeProto that hold a value, or refer to one."""


@dataclass(frozen=True)
class Attribute:
    """`kind` is an AttributeProto.AttributeType, 0 where the attribute holds anything beside what the type says;
    `number` is its integer, or the data type of its tensor."""

    name: str
    kind: int
    number: int


@dataclass(frozen=True)
class Node:
    """An operator of the main graph with its tensors; the default domain is the empty one."""

    domain: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: tuple[Attribute, ...]


def kind_of(stated: int, fields: set[int]) -> int:
    """The kind of an attribute of the type `stated` that has these fields."""
    return stated if stated in HOLDS and fields & VALUES <= {HOLDS[stated]} else 0
