"""Our reader of ONNX files and a real protocol buffer parser: the same reading, or the file is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from tests.onnx_mutants import BYTES, Part, mutants, tree, varint
from tests.without_exporter import is_exporter_there

from bert_runtime import onnx_file, onnx_messages
from bert_runtime.errors import BundleError
from bert_runtime.external_data import ExternalData
from bert_runtime.onnx_file import DTYPES, Dimension, GraphTensor, OnnxFile
from bert_runtime.onnx_node import Attribute, Node
from bert_runtime.operators import FLOATS
from bert_runtime.protobuf import Kind

if TYPE_CHECKING or is_exporter_there():
    import onnx
    from onnx import helper

ROOT = Path(__file__).parents[3]
CASES = json.loads((ROOT / "tests" / "cases" / "hostile_onnx_bytes.json").read_text(encoding="utf-8"))["cases"]
GOLDEN = ROOT / "tests" / "golden" / "v1" / "text-classification" / "model.onnx"
MUTANTS = 300
FLOAT_NAMES = {DTYPES[code] for code in FLOATS}
HELD = {1: "f", 2: "i", 3: "s", 4: "t", 7: "ints"}
ANY = 0
KINDS = {
    FieldDescriptor.TYPE_INT64: Kind.INT64,
    FieldDescriptor.TYPE_UINT64: Kind.INT64,
    FieldDescriptor.TYPE_INT32: Kind.INT32,
    FieldDescriptor.TYPE_ENUM: Kind.INT32,
    FieldDescriptor.TYPE_FLOAT: Kind.FLOAT,
    FieldDescriptor.TYPE_DOUBLE: Kind.DOUBLE,
    FieldDescriptor.TYPE_STRING: Kind.STRING,
    FieldDescriptor.TYPE_BYTES: Kind.STRING,
    FieldDescriptor.TYPE_MESSAGE: Kind.MESSAGE,
}
LEFT_OUT = {
    "ModelProto": {"training_info", "configuration"},
    "GraphProto": {"quantization_annotation"},
    "NodeProto": {"device_configurations"},
    "TensorProto": {"segment"},
    "TypeProto": {"sequence_type", "map_type", "optional_type", "sparse_tensor_type", "opaque_type"},
}
Refused = Callable[[int], str]
Put = Callable[[str, bytes], None]


@pytest.mark.exporter
def test_the_table_of_messages_is_onnx_own_less_what_no_bert_graph_has() -> None:
    for message in onnx_messages.ALL:
        proto: Any = onnx
        for name in message.name.split("."):
            proto = getattr(proto, name)
        theirs = {each.number: each for each in proto.DESCRIPTOR.fields}
        names = {each.name for number, each in theirs.items() if number not in message.fields}
        assert names == LEFT_OUT.get(message.name, set()), message.name
        for number, ours in message.fields.items():
            other = theirs[number]
            inner = other.message_type.full_name.removeprefix("onnx.") if other.message_type else ""
            assert (ours.kind, ours.repeated, ours.message) == (KINDS[other.type], other.is_repeated, inner), other.name


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_bytes_that_readers_understand_differently_are_refused(
    case: dict[str, Any], put: Put, refused: Refused
) -> None:
    put("model.onnx", bytes.fromhex(case["hex"]) + GOLDEN.read_bytes())

    assert case["error"] in refused(27)


@pytest.mark.exporter
@pytest.mark.parametrize("high", [1 << 32, 1 << 33, 1 << 60])
@pytest.mark.parametrize("name", ["external data", "operator", "location of an address"])
def test_rule_27_what_only_an_engine_would_see_is_refused(name: str, high: int, put: Put, refused: Refused) -> None:
    model = tree(GOLDEN.read_bytes())
    graph = next(part for part in model.parts if part.number == 7).parts
    assert graph is not None
    tensor = next(part for part in graph if part.number == 5).parts
    node = next(part for part in graph if part.number == 1).parts
    assert tensor is not None
    assert node is not None
    location = "hidden.data" if name == "external data" else "*/_ORT_MEM_ADDR_/*"
    if name == "operator":
        node.append(Part(4, BYTES, b"EPContext", high=high << 3))
    else:
        entry = onnx.StringStringEntryProto(key="location", value=location).SerializeToString()
        tensor.append(Part(13, BYTES, entry, high=high << 3))
        tensor.append(Part(14, 0, varint(1), high=high << 3))
    put("model.onnx", model.encoded())

    assert "exceeds 32 bits" in refused(27)


@pytest.mark.exporter
@pytest.mark.parametrize("seed", range(3))
def test_a_mutant_is_read_as_protocol_buffers_read_it_or_refused(seed: int, tmp_path: Path) -> None:
    path, read, refused = tmp_path / "model.onnx", 0, 0
    for content in mutants(_small(), seed, MUTANTS):
        path.write_bytes(content)
        try:
            found = onnx_file.read(path)
        except BundleError:
            refused += 1
            continue
        read += 1
        assert _in_order(found) == _in_order(_theirs(content))

    assert read > 0.1 * MUTANTS
    assert refused > 0.5 * MUTANTS


def _small() -> bytes:
    """A graph with every kind of message."""
    tensor = helper.make_tensor("w", 1, [2], [1.0, 2.0])
    stored = onnx.TensorProto(name="x", data_type=1, dims=[4], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in {"location": "a.data", "offset": "0", "length": "16"}.items():
        stored.external_data.add(key=key, value=value)
    inner = helper.make_graph([helper.make_node("Identity", ["w"], ["v"])], "inner", [], [], initializer=[tensor])
    nodes = [
        helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner),
        helper.make_node("Constant", [], ["k"], value=tensor),
        helper.make_node("Concat", ["a", "b"], ["z"], axis=-1, domain="com.microsoft"),
    ]
    inputs = [helper.make_tensor_value_info("a", 7, ["batch", 3]), helper.make_tensor_value_info("b", 10, None)]
    outputs = [helper.make_tensor_value_info("z", 1, ["batch"])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, initializer=[tensor, stored])
    graph.value_info.append(helper.make_tensor_value_info("y", 1, [1]))
    function = helper.make_function("here", "F", ["i"], ["o"], [nodes[1]], [helper.make_opsetid("", 20)])
    sets = [helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, functions=[function], opset_imports=sets, producer_name="test")
    model.metadata_props.add(key="k", value="v")
    content: bytes = model.SerializeToString()
    return content


def _in_order(found: OnnxFile) -> OnnxFile:
    """Without what `_theirs` does not say."""
    nodes = tuple(
        dataclasses.replace(node, attributes=tuple(dataclasses.replace(each, number=ANY) for each in node.attributes))
        for node in found.nodes
    )
    external = tuple(sorted(found.external, key=repr))
    return dataclasses.replace(found, external=external, nodes=nodes, extras=frozenset())


def _theirs(content: bytes) -> OnnxFile:
    """The outside of a model as onnx reads it."""
    try:
        model = onnx.ModelProto.FromString(content)
    except DecodeError:
        pytest.fail("read what a protocol buffer parser refuses")
    graph = model.graph
    opset = [each.version for each in model.opset_import if each.domain in ("", "ai.onnx")]
    tensors = list(_tensors(model))
    nodes = [node for each in _graphs(graph) for node in each.node]
    nodes += [node for function in model.functions for node in function.node]
    nodes += [
        node
        for function in model.functions
        for outer in function.node
        for attribute in outer.attribute
        for top in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs)
        for each in _graphs(top)
        for node in each.node
    ]
    return OnnxFile(
        opset[-1] if opset else None,
        tuple(_tensor(value) for value in graph.input),
        tuple(_tensor(value) for value in graph.output),
        frozenset(tensor.name for tensor in graph.initializer),
        tuple(_external(tensor) for tensor in tensors if tensor.external_data or tensor.data_location),
        frozenset(node.op_type for node in nodes if node.HasField("op_type")),
        tuple(_node(node) for node in graph.node),
        frozenset(tensor.name for tensor in graph.initializer if tensor.data_type in FLOATS)
        | {value.name for value in map(_tensor, graph.input) if value.dtype in FLOAT_NAMES},
    )


def _node(node: onnx.NodeProto) -> Node:
    domain = "" if node.domain == "ai.onnx" else node.domain
    attributes = tuple(_attribute(each) for each in node.attribute)
    return Node(domain, node.op_type, tuple(node.input), tuple(node.output), attributes)


def _attribute(attribute: onnx.AttributeProto) -> Attribute:
    present = {each.name for each, _ in attribute.ListFields()} - {"name", "type", "doc_string"}
    kind = attribute.type if present <= {HELD.get(attribute.type)} else 0
    return Attribute(attribute.name, kind if attribute.type in HELD else 0, ANY)


def _tensor(value: onnx.ValueInfoProto) -> GraphTensor:
    found = value.type.tensor_type
    known = value.type.HasField("tensor_type") and found.HasField("elem_type")
    dtype = DTYPES.get(found.elem_type, f"ONNX type {found.elem_type}") if known else ""
    shape = tuple(_dimension(dim) for dim in found.shape.dim) if found.HasField("shape") else None
    return GraphTensor(value.name, dtype, shape)


def _dimension(dim: onnx.TensorShapeProto.Dimension) -> Dimension:
    kind = dim.WhichOneof("value")
    found: Dimension = getattr(dim, kind) if kind else None
    return found


def _external(tensor: onnx.TensorProto) -> ExternalData:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    length = int(entries["length"]) if "length" in entries else None
    return ExternalData(tensor.name, entries.get("location", ""), int(entries.get("offset", "0")), length)


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                yield from _graphs(inner)


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor of the file; the mutants hold theirs at the places of `_small`."""
    for graph in _graphs(model.graph):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        for node in graph.node:
            yield from _of_attributes(node.attribute)
    for function in model.functions:
        for attribute in function.attribute_proto:
            yield from _of_attributes([attribute])
        for node in function.node:
            yield from _of_attributes(node.attribute)


def _of_attributes(attributes: Any) -> Iterator[onnx.TensorProto]:
    for attribute in attributes:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        for sparse in attribute.sparse_tensors:
            yield from (sparse.values, sparse.indices)


@pytest.mark.exporter
def test_float_payloads_of_any_width_are_skipped_whole(tmp_path: Path) -> None:
    tensor = helper.make_tensor("w", 7, [3], np.array([1, -1, 2**40]))
    graph = helper.make_graph([helper.make_node("Cast", ["w"], ["o"], to=1, alpha=0.5)], "g", [], [], [tensor])
    (tmp_path / "model.onnx").write_bytes(helper.make_model(graph).SerializeToString())

    assert onnx_file.read(tmp_path / "model.onnx").initializers == {"w"}
