"""The wire format of protocol buffers, read by a table of messages: a look into an ONNX file before an engine has it.

The format is that of https://protobuf.dev/programming-guides/encoding. Readers differ in what they make of unusual
bytes: some cut a tag to 32 bits, merge a message that stands twice, or skip a field that they do not know. A file is
therefore refused unless it is written as every writer does, in fields of the table: every reader then reads the same.
Payloads are skipped, not copied, so that a file of gigabytes costs as little as the number of its fields.
"""

from __future__ import annotations

import enum
import mmap
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bert_runtime.errors import BundleError

Buffer = bytes | mmap.mmap

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_TAG = 2**32 - 1
MAX_FIELDS = 2**20
MAX_STRING = 2**16
_MAX_INT32, _MIN_INT32 = 2**31 - 1, 2**64 - 2**31
_ENDLESS = re.compile(rb"[\x80-\xff]{10}")


class Span(NamedTuple):
    """The bytes [start, stop) of a file: a message, or a string. A tuple, for a graph has tens of thousands."""

    start: int
    stop: int


Value = int | Span


class Kind(enum.Enum):
    """What a field holds. The value is the wire type of one; several numbers may stand packed in one field of bytes."""

    INT64 = (VARINT, "int64")
    INT32 = (VARINT, "int32")
    FLOAT = (FIXED32, "float")
    DOUBLE = (FIXED64, "double")
    STRING = (BYTES, "string")
    MESSAGE = (BYTES, "message")

    @property
    def wire_type(self) -> int:
        """Of a single value."""
        return self.value[0]


class Field(NamedTuple):
    """One field of a message; `message` names what a field of the kind MESSAGE holds."""

    kind: Kind
    repeated: bool = False
    message: str = ""


class Rule(NamedTuple):
    """What a tag of a message allows: its field and wire type, whether it stands once, has 32 bits, or holds packed
    numbers of a kind."""

    number: int
    wire_type: int
    single: bool
    narrow: bool
    packed: Kind | None


@dataclass(frozen=True)
class Message:
    """The fields of one kind of message, by number; `rules` are the same by tag, as they stand on the wire."""

    name: str
    fields: Mapping[int, Field]
    rules: Mapping[int, Rule] = field(init=False)

    def __post_init__(self) -> None:
        rules = {}
        for number, one in self.fields.items():
            narrow = one.kind is Kind.INT32
            wire_type = one.kind.wire_type
            rules[number << 3 | wire_type] = Rule(number, wire_type, not one.repeated, narrow, None)
            if one.repeated and wire_type != BYTES:
                rules[number << 3 | BYTES] = Rule(number, BYTES, False, False, one.kind)
        object.__setattr__(self, "rules", rules)


class Wire:
    """One file's bytes. It counts the fields that are read: a file made of empty fields must not take for ever."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self._left = MAX_FIELDS
        self.whole = Span(0, len(buffer))

    def fields(self, span: Span, message: Message) -> Iterator[tuple[int, Value]]:
        """(number, value) of each varint or length-delimited field of a message.

        Raises:
            BundleError: the message is cut off, is no protocol buffer, holds what its table does not, or makes the file
                exceed `MAX_FIELDS`.
        """
        buffer, rules = self._buffer, message.rules
        place, stop, seen = span.start, span.stop, 0
        while place < stop:
            self._left -= 1
            if self._left < 0:
                raise BundleError(f"has more than {MAX_FIELDS} fields, expected the graph of a BERT model")
            at, tag, place = place, buffer[place], place + 1  # most tags have one byte
            if tag >= 0x80:
                tag, place = self._varint(at, stop)
            rule = rules.get(tag)
            if rule is None:
                raise BundleError(_refusal(tag, at, message))
            number, kind, single, narrow, packed = rule
            if single:
                if seen >> number & 1:
                    raise BundleError(f"has field {number} of a {message.name} twice, again at byte {at}")
                seen |= 1 << number
            if kind == BYTES:
                length, start = self._varint(place, stop)
                place = self._end(start, length, stop)
                if packed is not None:
                    self._check_packed(Span(start, place), packed)
                yield number, Span(start, place)
            elif kind == VARINT:
                value, place = self._varint(place, stop)
                if narrow and _MAX_INT32 < value < _MIN_INT32:
                    where = f"field {number} of a {message.name} at byte {at}"
                    raise BundleError(f"is no protocol buffer of ONNX: {where} exceeds 32 bits")
                yield number, value
            else:
                place = self._end(place, 4 if kind == FIXED32 else 8, stop)

    def text(self, value: Value) -> str:
        """A string field.

        Raises:
            BundleError: it is no UTF-8, or too long for a name.
        """
        assert isinstance(value, Span), "the table of messages says where strings are"
        if value.stop - value.start > MAX_STRING:
            raise BundleError(f"has a name of {value.stop - value.start} bytes, expected at most {MAX_STRING}")
        try:
            return bytes(self._buffer[value.start : value.stop]).decode("utf-8")
        except UnicodeDecodeError as error:
            raise BundleError(f"has a name that is no UTF-8 at byte {value.start + error.start}") from error

    def _varint(self, place: int, stop: int) -> tuple[int, int]:
        """A number of 7 bits a byte, least significant first, and the place after it."""
        if place < stop and (byte := self._buffer[place]) < 0x80:  # most numbers have one byte
            return byte, place + 1
        result = 0
        for i in range(10):
            if place + i >= stop:
                raise BundleError(f"is cut off or damaged: the number at byte {place} does not end in its message")
            byte = self._buffer[place + i]
            result |= (byte & 0x7F) << (7 * i)
            if byte < 0x80:
                if byte == 0:
                    raise BundleError(f"is no protocol buffer: the number at byte {place} has more bytes than it needs")
                if result >= 2**64:
                    break
                return result, place + i + 1
        raise BundleError(f"is no protocol buffer: the number at byte {place} has more than 64 bits")

    def _check_packed(self, span: Span, kind: Kind) -> None:
        """Whether numbers that stand packed in one field are whole."""
        size = span.stop - span.start
        if kind.wire_type == VARINT:
            content = self._buffer[span.start : span.stop]
            whole = not content or content[-1] < 0x80
            whole = whole and (size < 10 or _ENDLESS.search(content) is None)
        else:
            whole = size % (4 if kind is Kind.FLOAT else 8) == 0
        if not whole:
            raise BundleError(f"is cut off or damaged: the numbers at byte {span.start} do not end in their field")

    def _end(self, start: int, length: int, stop: int) -> int:
        if length > stop - start:
            raise BundleError(
                f"is cut off or damaged: a field at byte {start} has {length} bytes, {stop - start} are left"
            )
        return start + length


def signed(value: int) -> int:
    """An int64 of the number that stands for it on the wire."""
    return value - 2**64 if value >= 2**63 else value


def _refusal(tag: int, at: int, message: Message) -> str:
    """What is wrong with a field that the table does not hold."""
    number, kind = tag >> 3, tag & 7
    if tag > MAX_TAG:
        return f"is no protocol buffer: the tag {tag} at byte {at} exceeds 32 bits"
    if kind not in (VARINT, FIXED64, BYTES, FIXED32):
        return f"is no protocol buffer: wire type {kind} at byte {at}, expected 0, 1, 2 or 5"
    if number not in message.fields:
        return f"has field {number} in a {message.name} at byte {at}, which a BERT model's graph does not have"
    return f"is no protocol buffer of ONNX: field {number} of a {message.name} at byte {at} has wire type {kind}"
