"""Rule 31: a graph of the exporter's operators alone, on which no engine traps, grows or hangs while it loads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from tests.without_exporter import is_exporter_there

from bert_runtime import bundle, operators

if TYPE_CHECKING or is_exporter_there():
    import onnx
    from onnx import helper, numpy_helper

Refused = Callable[[int], str]
Put = Callable[[str, bytes], None]
Change: TypeAlias = "Callable[[onnx.ModelProto], object]"
Graph: TypeAlias = "onnx.GraphProto"


def _constant(graph: Graph, name: str, value: Any) -> str:
    graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return name


def _node(graph: Graph, operator: str, inputs: list[str], **attributes: Any) -> None:
    graph.node.append(helper.make_node(operator, inputs, [f"hostile_{len(graph.node)}"], **attributes))


def _divide_the_least_integer(graph: Graph) -> None:
    least = _constant(graph, "least", np.array([-(2**31)], np.int32))
    _node(graph, "Div", [least, _constant(graph, "minus_one", np.array([-1], np.int32))])


def _divide_the_request(graph: Graph) -> None:
    _node(graph, "Div", ["input_ids", _constant(graph, "zero", np.array([0], np.int64))])


def _divide_a_second_output(graph: Graph) -> None:
    """The first output of the operator is floating-point, this one an integer."""
    names = [_constant(graph, name, np.ones((2, 2), np.float32)) for name in ("words", "positions", "types")]
    inputs = ["input_ids", "", names[0], names[1], "", names[2], names[2], "attention_mask"]
    graph.node.append(
        helper.make_node("EmbedLayerNormalization", inputs, ["embedded", "mask_index"], domain="com.microsoft")
    )
    _node(graph, "Div", ["mask_index", _constant(graph, "zero", np.array([0], np.int32))])


def _grow_a_constant(graph: Graph) -> None:
    _node(graph, "ConstantOfShape", [_constant(graph, "size", np.array([10**8]))])


def _expand_a_constant(graph: Graph) -> None:
    _node(graph, "Expand", [_constant(graph, "one", np.float32(1)), _constant(graph, "size", np.array([10**8]))])


def _range_of_constants(graph: Graph) -> None:
    _node(
        graph, "Range", [_constant(graph, name, np.int64(value)) for name, value in (("a", 0), ("b", 10**9), ("c", 1))]
    )


def _shape_of_a_constant(graph: Graph) -> None:
    _node(graph, "Shape", [_constant(graph, "many", np.ones(4, np.float32))])


def _loop(graph: Graph) -> None:
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["d"])], "body", [], [])
    trips = _constant(graph, "trips", np.int64(2**62))
    graph.node.append(helper.make_node("Loop", [trips, ""], ["looped"], body=body))


def _classical(graph: Graph) -> None:
    graph.node.append(helper.make_node("Binarizer", ["input_ids"], ["binary"], domain="ai.onnx.ml"))


def _other(operator: str) -> Callable[[Graph], None]:
    return lambda graph: _node(graph, operator, ["input_ids"])


def _fused_twin_of_another_domain(graph: Graph) -> None:
    graph.node.append(helper.make_node("Add", ["input_ids", "input_ids"], ["sum"], domain="com.stranger"))


def _unknown_attribute(graph: Graph) -> None:
    _node(graph, "Softmax", ["input_ids"], hidden="x")


def _attribute_of_another_kind(graph: Graph) -> None:
    _node(graph, "Concat", ["input_ids"], axis=[1])


def _attribute_that_hides_a_string(graph: Graph) -> None:
    _node(graph, "Concat", ["input_ids"], axis=1)
    graph.node[-1].attribute[0].s = b"hidden"


def _node_before_its_input(graph: Graph) -> None:
    _node(graph, "ConstantOfShape", ["later"])
    graph.node.append(helper.make_node("Constant", [], ["later"], value_ints=[10**8]))


def _tensor_made_twice(graph: Graph) -> None:
    graph.node.append(helper.make_node("Add", ["input_ids", "input_ids"], ["logits"]))


def _removed_padding(graph: Graph) -> None:
    graph.node.append(helper.make_node("RemovePadding", ["input_ids"], ["removed"], domain="com.microsoft"))


def _deep_chain(graph: Graph) -> None:
    for place in range(20_000):
        graph.node.append(helper.make_node("Abs", [f"chain_{place}" if place else "input_ids"], [f"chain_{place + 1}"]))


def _many_initializers(graph: Graph) -> None:
    for place in range(operators.MOST_INITIALIZERS + 1):
        graph.initializer.append(onnx.TensorProto(name=f"w{place}", data_type=1, dims=[0]))


ATTACKS = {
    "Div of INT_MIN": (_divide_the_least_integer, "divide integers"),
    "Div of the request": (_divide_the_request, "divide integers"),
    "Div of a second output": (_divide_a_second_output, "divide integers"),
    "ConstantOfShape": (_grow_a_constant, "compute a constant"),
    "Expand": (_expand_a_constant, "compute a constant"),
    "Range": (_range_of_constants, "compute a constant"),
    "Shape": (_shape_of_a_constant, "compute a constant"),
    "Loop": (_loop, "holds subgraphs"),
    "ai.onnx.ml": (_classical, "ai.onnx.ml:Binarizer"),
    "Tile": (_other("Tile"), "Tile"),
    "Mod": (_other("Mod"), "Mod"),
    "RandomNormal": (_other("RandomNormal"), "RandomNormal"),
    "If": (_other("If"), "If"),
    "Scan": (_other("Scan"), "Scan"),
    "SequenceMap": (_other("SequenceMap"), "SequenceMap"),
    "StringNormalizer": (_other("StringNormalizer"), "StringNormalizer"),
    "an operator of another domain": (_fused_twin_of_another_domain, "com.stranger:Add"),
    "an operator of a GPU": (_removed_padding, "com.microsoft:RemovePadding"),
    "unknown attribute": (_unknown_attribute, "the attribute 'hidden'"),
    "kind of an attribute": (_attribute_of_another_kind, "the attribute 'axis'"),
    "two values in an attribute": (_attribute_that_hides_a_string, "the attribute 'axis'"),
    "order of nodes": (_node_before_its_input, "nothing before it makes"),
    "a tensor made twice": (_tensor_made_twice, "is there already"),
    "20,000 chained nodes": (_deep_chain, "nodes, expected at most 8192"),
    "initializers": (_many_initializers, "initializers, expected at most 16384"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_rule_31_what_no_writer_writes_is_refused(
    attack: str, change: Callable[[Change], None], refused: Refused
) -> None:
    edit, words = ATTACKS[attack]
    change(lambda model: edit(model.graph))

    assert words in refused(31)


def test_rule_31_functions_are_refused(change: Callable[[Change], None], refused: Refused) -> None:
    node = "Identity"

    def edit(model: onnx.ModelProto) -> None:
        inner = helper.make_node(node, ["i"], ["o"])
        model.functions.append(helper.make_function("here", "F", ["i"], ["o"], [inner], [helper.make_opsetid("", 20)]))

    change(edit)

    assert "holds functions" in refused(31)


def test_rule_31_sparse_initializers_are_refused(change: Callable[[Change], None], refused: Refused) -> None:
    values = helper.make_tensor("values", 1, [1], [1.0])
    change(lambda model: model.graph.sparse_initializer.append(onnx.SparseTensorProto(values=values, dims=[2**40])))

    assert "holds sparse tensors" in refused(31)


def test_a_constant_may_be_turned_and_numbers_divided(good: Path, change: Callable[[Change], None]) -> None:
    def edit(model: onnx.ModelProto) -> None:
        graph = model.graph
        _node(graph, "Transpose", [_constant(graph, "turned", np.ones((2, 3), np.float32))], perm=[1, 0])
        _node(graph, "Cast", ["input_ids"], to=1)
        _node(graph, "Div", [graph.node[-1].output[0], _constant(graph, "four", np.array([4], np.float32))])

    change(edit)

    assert bundle.read(good)
