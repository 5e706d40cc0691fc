"""Files that are almost ONNX: a graph's own fields, written again with one to three unusual things among them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from tests.without_exporter import is_exporter_there

if TYPE_CHECKING or is_exporter_there():
    import onnx

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
WIDTH = {FIXED64: 8, FIXED32: 4}


@dataclass
class Part:
    """One field as it is written; `parts` in place of `content` where it is a message."""

    number: int
    wire_type: int
    content: bytes
    parts: list[Part] | None = None
    high: int = 0  # what is added to the tag
    padding: int = 0  # bytes more than the tag needs
    length_padding: int = 0

    def body(self) -> bytes:
        return self.content if self.parts is None else b"".join(part.encoded() for part in self.parts)

    def encoded(self) -> bytes:
        body = self.body()
        tag = varint((self.number << 3 | self.wire_type) + self.high, self.padding)
        return tag + (varint(len(body), self.length_padding) if self.wire_type == BYTES else b"") + body


@dataclass
class Tree:
    """A file as parts, and every list of parts in it."""

    parts: list[Part]
    lists: list[list[Part]] = field(default_factory=list)

    def encoded(self) -> bytes:
        return b"".join(part.encoded() for part in self.parts)


def varint(value: int, padding: int = 0) -> bytes:
    """A number of 7 bits a byte, with more bytes than it needs if wanted."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F)
    groups += [0] * padding
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def tree(content: bytes) -> Tree:
    """The parts of a well-formed ONNX file."""
    found = Tree([])
    found.parts = _parts(content, onnx.ModelProto.DESCRIPTOR, found.lists)
    return found


def mutants(content: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Damage to the structure, the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        damaged = tree(content)
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            _damage(damaged, chance)
        yield damaged.encoded()


def _damage(damaged: Tree, chance: random.Random) -> None:
    parts = chance.choice([each for each in damaged.lists if each])
    place = chance.randrange(len(parts))
    part = parts[place]
    kind = chance.randrange(12)
    if kind == 0:
        part.high = chance.choice([1 << 32, 1 << 35, 1 << 36, 1 << 61, 1 << 31])
    elif kind == 1:
        part.padding = chance.choice([1, 2, 8, 9])
    elif kind == 2:
        part.length_padding = chance.choice([1, 4, 9])
    elif kind == 3:
        parts.insert(chance.randrange(len(parts) + 1), part)
    elif kind == 4:
        part.number = chance.choice([0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 14, 20, 26, 31, 32, 100, 2**29 - 1])
    elif kind == 5:
        part.wire_type = chance.randrange(8)
    elif kind == 6:
        parts[place] = Part(part.number, VARINT, varint(chance.choice([0, 1, 2**31, 2**32 + 1, 2**63, 2**64 - 1])))
    elif kind == 7:
        other = chance.choice(chance.choice([each for each in damaged.lists if each]))
        parts[place] = Part(part.number, other.wire_type, other.body())
    elif kind == 8:
        del parts[place]
    elif kind == 9:
        number = chance.choice([1, 3, 17, 1000])
        parts[place:place] = [Part(number, 3, b""), Part(number, 4, b"")]
    elif kind == 10:
        cut = chance.randrange(4)
        part.parts, part.content = None, part.content[: max(0, len(part.content) - cut)] + b"\x00" * chance.randrange(2)
    else:
        _hide_external_data(parts, chance)


def _hide_external_data(parts: list[Part], chance: random.Random) -> None:
    """What the check must see wherever the engine would."""
    entry = onnx.StringStringEntryProto(key="location", value="hidden.data").SerializeToString()
    high = chance.choice([0, 1 << 32, 1 << 34])
    parts.append(Part(13, BYTES, entry, high=high))
    parts.append(Part(14, VARINT, varint(chance.choice([1, 2**32 + 1])), high=high))


def _parts(content: bytes, descriptor: Descriptor | None, lists: list[list[Part]]) -> list[Part]:
    fields: dict[int, FieldDescriptor] = {each.number: each for each in descriptor.fields} if descriptor else {}
    parts, place = list[Part](), 0
    lists.append(parts)
    while place < len(content):
        tag, place = _read_varint(content, place)
        number, wire_type = tag >> 3, tag & 7
        start = place
        if wire_type == VARINT:
            _, place = _read_varint(content, place)
        elif wire_type == BYTES:
            length, start = _read_varint(content, place)
            place = start + length
        else:
            place += WIDTH[wire_type]
        inner = fields[number].message_type if number in fields and wire_type == BYTES else None
        own = content[start:place]
        parts.append(Part(number, wire_type, own, _parts(own, inner, lists) if inner is not None else None))
    return parts


def _read_varint(content: bytes, place: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = content[place]
        result |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return result, place
