"""What an ONNX file says of itself, read without onnx and before any engine sees it: its tensors and external files.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field
from pathlib import Path

from bert_runtime import onnx_messages as onnx
from bert_runtime.errors import BundleError, Problem
from bert_runtime.external_data import ExternalData, external_data
from bert_runtime.onnx_node import Attribute, Node, kind_of
from bert_runtime.operators import FLOATS
from bert_runtime.protobuf import Message, Span, Value, Wire, signed

Dimension = int | str | None
"""A fixed size, the name of a size that changes with the request, or nothing known."""

MAX_BYTES = 2**31 - 1
MAX_NESTING = 16
ORT_FORMAT = b"ORTM"
"""What stands at byte 4 of a model in ONNX Runtime's own format, which it can tell from these bytes alone."""

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
_FLOAT_NAMES = frozenset(DTYPES[code] for code in FLOATS)


@dataclass(frozen=True)
class GraphTensor:
    """An input or output of the graph; `dtype` is numpy's name, `shape` None where the file gives none."""

    name: str
    dtype: str
    shape: tuple[Dimension, ...] | None


@dataclass(frozen=True)
class OnnxFile:
    """The outside of a model.

    Attributes:
        opset: the version of the default operator set; None where the file names none.
        inputs, outputs: of the main graph, in order; inputs may include initializers, which are then defaults.
        initializers: the names of the main graph's initializers.
        external: every reference to another file, in subgraphs and functions too.
        operators: the name of every operator in use, without its domain.
        nodes: of the main graph, in order.
        floats: the names of the inputs and initializers that are floating-point.
        extras: what a graph holds beside nodes and dense tensors: functions, subgraphs, sparse tensors.
    """

    opset: int | None
    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]
    initializers: frozenset[str]
    external: tuple[ExternalData, ...]
    operators: frozenset[str]
    nodes: tuple[Node, ...] = ()
    floats: frozenset[str] = frozenset()
    extras: frozenset[str] = frozenset()


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
                if buffer[4:8] == ORT_FORMAT:
                    raise BundleError("is a model in ONNX Runtime's own format")
                return _Reader(Wire(buffer)).model()
    except BundleError as error:
        message = f"{path.name}: {error}; expected an ONNX model: export the bundle again"
        raise BundleError(Problem("bad-graph", path.name, message)) from error
    except OSError as error:
        raise BundleError(
            f"{path.name}: {error.strerror}; make the file readable, or export the bundle again"
        ) from error


@dataclass
class _Reader:
    """Walks every message of the file; collects as it goes."""

    wire: Wire
    inputs: list[GraphTensor] = field(default_factory=list)
    outputs: list[GraphTensor] = field(default_factory=list)
    initializers: set[str] = field(default_factory=set)
    external: list[ExternalData] = field(default_factory=list)
    operators: set[str] = field(default_factory=set)
    nodes: list[Node] = field(default_factory=list)
    floats: set[str] = field(default_factory=set)
    extras: set[str] = field(default_factory=set)

    def model(self) -> OnnxFile:
        opsets, graphs = dict[str, int](), 0
        for number, value in self.wire.fields(self.wire.whole, onnx.MODEL):
            if number == 7:
                graphs += 1
                self.graph(_span(value), 0)
            elif number == 8:
                self.operator_set(_span(value), opsets)
            elif number == 25:
                self.extras.add("functions")
                self.function(_span(value))
            else:
                self.other(number, value, onnx.MODEL)
        if not graphs:
            raise BundleError("holds no graph")
        inputs, outputs = tuple(self.inputs), tuple(self.outputs)
        external, operators = tuple(self.external), frozenset(self.operators)
        self.floats.update(tensor.name for tensor in inputs if tensor.dtype in _FLOAT_NAMES)
        return OnnxFile(
            opset=opsets.get(""), inputs=inputs, outputs=outputs, initializers=frozenset(self.initializers),
            external=external, operators=operators, nodes=tuple(self.nodes), floats=frozenset(self.floats),
            extras=frozenset(self.extras),
        )  # fmt: skip

    def graph(self, span: Span, depth: int) -> None:
        if depth > MAX_NESTING:
            raise BundleError(f"nests graphs more than {MAX_NESTING} deep")
        for number, value in self.wire.fields(span, onnx.GRAPH):
            if number == 1:
                node = self.node(_span(value), depth)
                if depth == 0:
                    self.nodes.append(node)
            elif number == 5:
                name, dtype = self.tensor(_span(value))
                if depth == 0:
                    self.initializers.add(name)
                    if dtype in FLOATS:
                        self.floats.add(name)
            elif number == 15:
                self.sparse_tensor(_span(value))
            elif number in (11, 12) and depth == 0:
                (self.inputs if number == 11 else self.outputs).append(self.graph_tensor(_span(value)))
            else:
                self.other(number, value, onnx.GRAPH)

    def function(self, span: Span) -> None:
        for number, value in self.wire.fields(span, onnx.FUNCTION):
            if number == 7:
                self.node(_span(value), 0)
            elif number == 11:
                self.attribute(_span(value), 0)
            else:
                self.other(number, value, onnx.FUNCTION)

    def node(self, span: Span, depth: int) -> Node:
        """Note a NodeProto's operator, and what its attributes hold."""
        inputs, outputs, attributes = list[str](), list[str](), list[Attribute]()
        domain = operator = ""
        for number, value in self.wire.fields(span, onnx.NODE):
            if number == 1:
                inputs.append(self.wire.text(value))
            elif number == 2:
                outputs.append(self.wire.text(value))
            elif number == 4:
                operator = self.wire.text(value)
                self.operators.add(operator)
            elif number == 5:
                attributes.append(self.attribute(_span(value), depth))
            elif number == 7:
                domain = self.wire.text(value)
            elif number == 9:
                self.other(number, value, onnx.NODE)
        domain = "" if domain == "ai.onnx" else domain
        return Node(domain, operator, tuple(inputs), tuple(outputs), tuple(attributes))

    def attribute(self, span: Span, depth: int) -> Attribute:
        """Note what an AttributeProto holds."""
        name, stated, held, fields = "", 0, 0, set[int]()
        for number, value in self.wire.fields(span, onnx.ATTRIBUTE):
            fields.add(number)
            if number == 1:
                name = self.wire.text(value)
            elif number == 3 and isinstance(value, int):
                held = signed(value)
            elif number == 20 and isinstance(value, int):
                stated = value
            elif number in (6, 11):
                self.extras.add("subgraphs")
                self.graph(_span(value), depth + 1)
            elif number in (5, 10):
                _, held = self.tensor(_span(value))
            elif number in (22, 23):
                self.sparse_tensor(_span(value))
            else:
                self.other(number, value, onnx.ATTRIBUTE)
        return Attribute(name, kind_of(stated, fields), held)

    def sparse_tensor(self, span: Span) -> None:
        self.extras.add("sparse tensors")
        for number, value in self.wire.fields(span, onnx.SPARSE_TENSOR):
            if number in (1, 2):
                self.tensor(_span(value))

    def tensor(self, span: Span) -> tuple[str, int]:
        """Note a TensorProto's external data; return its name and its data type."""
        name, dtype, external, entries = "", 0, False, list[tuple[str, str]]()
        for number, value in self.wire.fields(span, onnx.TENSOR):
            if number == 2 and isinstance(value, int):
                dtype = value
            elif number == 8:
                name = self.wire.text(value)
            elif number == 13:
                entries.append(self.entry(_span(value)))
            elif number == 14:
                external = external or value != 0
            elif number == 16:
                self.other(number, value, onnx.TENSOR)
        # Either one counts: readers differ in whether they trust the entries or data_location.
        if external or entries:
            self.external.append(external_data(name, entries))
        return name, dtype

    def entry(self, span: Span) -> tuple[str, str]:
        """The key and the value of a StringStringEntryProto."""
        found = {1: "", 2: ""}
        for number, value in self.wire.fields(span, onnx.STRING_ENTRY):
            found[number] = self.wire.text(value)
        return found[1], found[2]

    def operator_set(self, span: Span, opsets: dict[str, int]) -> None:
        """Add an OperatorSetIdProto: domain -> version; the default domain has two names."""
        domain, version = "", 0
        for number, value in self.wire.fields(span, onnx.OPERATOR_SET):
            if number == 1:
                domain = self.wire.text(value)
            elif isinstance(value, int):
                version = signed(value)
        domain = "" if domain == "ai.onnx" else domain
        if domain in opsets:
            raise BundleError(f"gives the version of the operator set {domain!r:.80} twice")
        opsets[domain] = version

    def graph_tensor(self, span: Span) -> GraphTensor:
        """A ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 } } }."""
        name, dtype, shape = "", "", None
        for number, value in self.wire.fields(span, onnx.VALUE_INFO):
            if number == 1:
                name = self.wire.text(value)
            elif number == 2:
                for inner, tensor_type in self.wire.fields(_span(value), onnx.TYPE):
                    if inner == 1:
                        dtype, shape = self.tensor_type(_span(tensor_type))
            else:
                self.other(number, value, onnx.VALUE_INFO)
        return GraphTensor(name, dtype, shape)

    def tensor_type(self, span: Span) -> tuple[str, tuple[Dimension, ...] | None]:
        dtype, shape = "", None
        for number, value in self.wire.fields(span, onnx.TENSOR_TYPE):
            if number == 1 and isinstance(value, int):
                dtype = DTYPES.get(value, f"ONNX type {signed(value)}")
            elif number == 2:
                shape = tuple(self.dimension(_span(dim)) for _, dim in self.wire.fields(_span(value), onnx.SHAPE))
        return dtype, shape

    def dimension(self, span: Span) -> Dimension:
        """TensorShapeProto.Dimension: dim_value 1 or dim_param 2, the last one counts."""
        found: Dimension = None
        for number, value in self.wire.fields(span, onnx.DIMENSION):
            if number == 1 and isinstance(value, int):
                found = signed(value)
            elif number == 2:
                found = self.wire.text(value)
        return found

    def other(self, number: int, value: Value, holder: Message) -> None:
        """Walk a message that says nothing of interest: it must be well-formed, for the engine reads it too."""
        name = holder.fields[number].message
        if name:
            message = onnx.MESSAGES[name]
            for inner, part in self.wire.fields(_span(value), message):
                self.other(inner, part, message)


def _span(value: Value) -> Span:
    assert isinstance(value, Span), "the table of messages says where messages are"
    return value
