"""Rules about tensors outside the graph: no name in an ONNX file makes an engine open another file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from tests.without_exporter import is_exporter_there

from bert_runtime import bundle

if TYPE_CHECKING or is_exporter_there():
    import onnx
    from onnx import helper

Refused = Callable[[int], str]
Put = Callable[[str, bytes], None]
Edit = Callable[[Callable[[dict[str, Any]], object]], None]
Change: TypeAlias = "Callable[[onnx.ModelProto], object]"


def _external(location: str, **numbers: str) -> onnx.TensorProto:
    tensor = onnx.TensorProto(name="stolen", data_type=1, dims=[4], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in {"location": location, **numbers}.items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def _subgraph(tensor: onnx.TensorProto) -> onnx.GraphProto:
    return helper.make_graph([], "inner", [], [], initializer=[tensor])


def _in_initializer(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.graph.initializer.append(tensor)


def _without_data_location(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    tensor.ClearField("data_location")
    model.graph.initializer.append(tensor)


def _in_constant(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["stolen"], value=tensor))


def _in_tensors_attribute(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    node = helper.make_node("Anything", [], ["stolen"])
    node.attribute.append(onnx.AttributeProto(name="a", type=onnx.AttributeProto.TENSORS, tensors=[tensor]))
    model.graph.node.append(node)


def _in_subgraph(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    deep = helper.make_node("If", ["c"], [], then_branch=_subgraph(tensor))
    outer = helper.make_node("If", ["c"], [], then_branch=helper.make_graph([deep], "outer", [], []))
    model.graph.node.append(outer)


def _in_graphs_attribute(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    node = helper.make_node("Anything", [], [])
    node.attribute.append(onnx.AttributeProto(name="a", type=onnx.AttributeProto.GRAPHS, graphs=[_subgraph(tensor)]))
    model.graph.node.append(node)


def _in_function(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    node = helper.make_node("Constant", [], ["stolen"], value=tensor)
    model.functions.append(helper.make_function("here", "F", [], ["stolen"], [node], [helper.make_opsetid("", 20)]))


def _in_sparse_initializer(model: onnx.ModelProto, tensor: onnx.TensorProto) -> None:
    model.graph.sparse_initializer.append(onnx.SparseTensorProto(values=tensor, dims=[4]))


PLACES = [
    _in_initializer,
    _without_data_location,
    _in_constant,
    _in_tensors_attribute,
    _in_subgraph,
    _in_graphs_attribute,
    _in_function,
    _in_sparse_initializer,
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "config.json", "*/_ORT_MEM_ADDR_/*", ""])
def test_rule_29_external_data_that_the_manifest_does_not_list_is_refused(
    place: Callable[[onnx.ModelProto, onnx.TensorProto], None],
    location: str,
    change: Callable[[Change], None],
    refused: Refused,
) -> None:
    change(lambda model: place(model, _external(location)))

    assert f"tensor 'stolen' lies in {location!r}" in refused(29)


def test_rule_29_a_data_file_without_tensors_is_refused(edit: Edit, put: Put, refused: Refused) -> None:
    put("model.onnx.data", bytes(16))
    edit(lambda manifest: manifest["artefacts"][0].update(data=["model.onnx.data"]))

    assert "no tensor lies in model.onnx.data" in refused(29)


@pytest.mark.parametrize(
    ("offset", "length"), [("4096", "16"), ("8", "16"), ("9223372036854775807", "16"), ("17", "0")]
)
def test_rule_30_external_data_beyond_the_end_of_its_file_is_refused(
    offset: str, length: str, change: Callable[[Change], None], edit: Edit, put: Put, refused: Refused
) -> None:
    put("model.onnx.data", bytes(16))
    edit(lambda manifest: manifest["artefacts"][0].update(data=["model.onnx.data"]))
    change(lambda model: _in_initializer(model, _external("model.onnx.data", offset=offset, length=length)))

    assert "of model.onnx.data, expected at most 16" in refused(30)


@pytest.mark.parametrize("offset", ["-1", "0x10", "", "1e3", "٣", "9" * 5000])
def test_rule_30_an_offset_that_is_no_number_is_refused(
    offset: str, change: Callable[[Change], None], refused: Refused
) -> None:
    change(lambda model: _in_initializer(model, _external("model.onnx.data", offset=offset)))

    assert "as offset of the external data of tensor 'stolen'" in refused(30)


def test_rule_30_a_tensor_with_two_locations_is_refused(change: Callable[[Change], None], refused: Refused) -> None:
    def edit(model: onnx.ModelProto) -> None:
        tensor = _external("model.onnx.data")
        tensor.external_data.add(key="location", value="/etc/passwd")
        model.graph.initializer.append(tensor)

    change(edit)

    assert "the external data of tensor 'stolen' twice" in refused(30)


def test_external_data_in_a_listed_file_is_read(
    good: Path, change: Callable[[Change], None], edit: Edit, put: Put
) -> None:
    put("model.onnx.data", bytes(16))
    edit(lambda manifest: manifest["artefacts"][0].update(data=["model.onnx.data"]))
    change(lambda model: _in_initializer(model, _external("model.onnx.data", offset="0", length="16")))

    assert bundle.read(good).manifest.artefacts[0].data == ("model.onnx.data",)
