"""What an ONNX file says of itself, read without onnx and before any engine sees it: its tensors and external files.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bert_runtime.errors import BundleError
from bert_runtime.protobuf import Span, Value, Wire

Dimension = int | str | None
"""A fixed size, the name of a size that changes with the request, or nothing known."""

MAX_BYTES = 2**31 - 1
MAX_NESTING = 16

# TensorProto.DataType -> numpy's name
DTYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
    16: "bfloat16",
}


@dataclass(frozen=True)
class GraphTensor:
    """An input or output of the graph; `dtype` is numpy's name, `shape` None where the file gives none."""

    name: str
    dtype: str
    shape: tuple[Dimension, ...] | None


@dataclass(frozen=True)
class ExternalData:
    """A tensor whose bytes [offset, offset + length) lie in the file `location`; a length of None runs to its end."""

    tensor: str
    location: str
    offset: int
    length: int | None


@dataclass(frozen=True)
class OnnxFile:
    """The outside of a model.

    Attributes:
        opset: the version of the default operator set; None where the file names none.
        inputs, outputs: of the main graph, in order; inputs may include initializers, which are then defaults.
        initializers: the names of the main graph's initializers.
        external: every reference to another file, in subgraphs and functions too.
        operators: the name of every operator in use, without its domain.
    """

    opset: int | None
    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]
    initializers: frozenset[str]
    external: tuple[ExternalData, ...]
    operators: frozenset[str]


def read(path: Path) -> OnnxFile:
    """Look into the ONNX file at `path`; tensors' payloads are not touched.

    Raises:
        BundleError: it is no ONNX model, is cut off, or exhausts its reader; the message begins with the name.
    """
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise BundleError("is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
                return _Reader(Wire(buffer)).model()
    except BundleError as error:
        raise BundleError(f"{path.name}: {error}; expected an ONNX model: export the bundle again") from error
    except OSError as error:
        raise BundleError(
            f"{path.name}: {error.strerror}; make the file readable, or export the bundle again"
        ) from error


@dataclass
class _Reader:
    """Walks every message that can hold a tensor; collects as it goes."""

    wire: Wire
    inputs: list[GraphTensor] = field(default_factory=list)
    outputs: list[GraphTensor] = field(default_factory=list)
    initializers: set[str] = field(default_factory=set)
    external: list[ExternalData] = field(default_factory=list)
    operators: set[str] = field(default_factory=set)

    def model(self) -> OnnxFile:
        opset, graphs = None, 0
        for number, value in self.wire.fields(self.wire.whole, (7, 8, 25)):
            if number == 7:
                graphs += 1
                self.graph(_message(value), 0)
            elif number == 8:
                domain, version = _operator_set(self.wire, _message(value))
                opset = version if domain in ("", "ai.onnx") else opset
            elif number == 25:
                self.function(_message(value))
        if not graphs:
            raise BundleError("holds no graph")
        inputs, outputs = tuple(self.inputs), tuple(self.outputs)
        external, operators = tuple(self.external), frozenset(self.operators)
        return OnnxFile(opset, inputs, outputs, frozenset(self.initializers), external, operators)

    def graph(self, message: Span, depth: int) -> None:
        if depth > MAX_NESTING:
            raise BundleError(f"nests graphs more than {MAX_NESTING} deep")
        for number, value in self.wire.fields(message, (1, 5, 11, 12, 15)):
            if number == 1:
                self.node(_message(value), depth)
            elif number == 5:
                name = self.tensor(_message(value))
                if depth == 0:
                    self.initializers.add(name)
            elif number == 15:
                self.sparse_tensor(_message(value))
            elif number in (11, 12) and depth == 0:
                (self.inputs if number == 11 else self.outputs).append(_graph_tensor(self.wire, _message(value)))

    def function(self, message: Span) -> None:
        for number, value in self.wire.fields(message, (7, 11)):
            if number == 7:
                self.node(_message(value), 0)
            else:
                self.attribute(_message(value), 0)

    def node(self, message: Span, depth: int) -> None:
        for number, value in self.wire.fields(message, (4, 5)):
            if number == 4:
                self.operators.add(self.wire.text(value))
            else:
                self.attribute(_message(value), depth)

    def attribute(self, message: Span, depth: int) -> None:
        for number, value in self.wire.fields(message, (5, 6, 10, 11, 22, 23)):
            if number in (6, 11):
                self.graph(_message(value), depth + 1)
            elif number in (5, 10):
                self.tensor(_message(value))
            else:
                self.sparse_tensor(_message(value))

    def sparse_tensor(self, message: Span) -> None:
        for _, value in self.wire.fields(message, (1, 2)):
            self.tensor(_message(value))

    def tensor(self, message: Span) -> str:
        """Note a TensorProto's external data; return its name."""
        name, external, entries = "", False, list[tuple[str, str]]()
        for number, value in self.wire.fields(message, (8, 13, 14)):
            if number == 8:
                name = self.wire.text(value)
            elif number == 13:
                entries.append(_strings(self.wire, _message(value), 1, 2))
            else:
                external = external or value == 1
        # Either one counts: readers differ in whether they trust the entries or data_location.
        if external or entries:
            self.external.append(_external_data(name, entries))
        return name


def _external_data(name: str, entries: list[tuple[str, str]]) -> ExternalData:
    values = dict(entries)
    if len(values) < len(entries):
        raise BundleError(f"gives the external data of tensor {name!r:.80} twice")
    numbers = {key: values.get(key, "0") for key in ("offset", "length")}
    for key, text in numbers.items():
        if not (text.isascii() and text.isdigit() and len(text) <= 19):
            raise BundleError(
                f"gives {text!r:.40} as {key} of the external data of tensor {name!r:.80}, expected a number"
            )
    length = int(numbers["length"]) if "length" in values else None
    return ExternalData(name, values.get("location", ""), int(numbers["offset"]), length)


def _graph_tensor(wire: Wire, message: Span) -> GraphTensor:
    """A ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 } } }."""
    name, dtype, shape = "", "", None
    for _, value in wire.fields(message, (1,)):
        name = wire.text(value)
    for tensor_type in _inside(wire, _inside(wire, [message], 2), 1):
        for number, value in wire.fields(tensor_type, (1, 2)):
            if number == 1 and isinstance(value, int):
                dtype = DTYPES.get(value, f"ONNX type {value}")
            elif number == 2:
                shape = tuple(_dimension(wire, dim) for dim in _inside(wire, [_message(value)], 1))
    return GraphTensor(name, dtype, shape)


def _dimension(wire: Wire, message: Span) -> Dimension:
    """TensorShapeProto.Dimension: dim_value 1 or dim_param 2, the last one counts."""
    found: Dimension = None
    for number, value in wire.fields(message, (1, 2)):
        if number == 1 and isinstance(value, int):
            found = value
        elif number == 2:
            found = wire.text(value)
    return found


def _operator_set(wire: Wire, message: Span) -> tuple[str, int]:
    domain, version = "", 0
    for number, value in wire.fields(message, (1, 2)):
        if number == 1:
            domain = wire.text(value)
        elif number == 2 and isinstance(value, int):
            version = value
    return domain, version


def _strings(wire: Wire, message: Span, first: int, second: int) -> tuple[str, str]:
    """Two string fields of a message; the last of each counts, as protocol buffers have it."""
    found = {first: "", second: ""}
    for number, value in wire.fields(message, found):
        found[number] = wire.text(value)
    return found[first], found[second]


def _inside(wire: Wire, messages: Iterable[Span], number: int) -> Iterator[Span]:
    """The messages that the field `number` of these messages holds."""
    return (_message(value) for message in messages for _, value in wire.fields(message, (number,)))


def _message(value: Value) -> Span:
    if isinstance(value, int):
        raise BundleError("is no protocol buffer of ONNX: a number where a message belongs")
    return value
