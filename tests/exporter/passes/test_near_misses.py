"""A graph that only looks like attention, Gelu or a residual is left alone, and the gate says what is missing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import pytest

from bert_export.errors import GateError
from bert_export.passes.canonical import canonical
from bert_export.passes.fold import fold
from bert_export.passes.fold_query_scale import fold_query_scale
from bert_export.passes.fuse_attention import fuse_attention
from bert_export.passes.fuse_embed_layer_normalization import fuse_embed_layer_normalization
from bert_export.passes.fuse_gelu import fuse_gelu
from bert_export.passes.fuse_multi_head_attention import fuse_multi_head_attention
from bert_export.passes.fuse_skip_layer_normalization import fuse_skip_layer_normalization
from bert_export.passes.fusion_gate import check_fusions
from bert_runtime.tasks.question_answering import QUESTION_ANSWERING
from bert_runtime.tasks.text_classification import TEXT_CLASSIFICATION

Graph = Callable[..., ir.Model]


@pytest.fixture
def folded(graph: Graph) -> ir.Model:
    model = graph(QUESTION_ANSWERING)
    fold(model)
    return model


def first(model: ir.Model, operator: str) -> ir.Node:
    return next(node for node in model.graph if node.op_type == operator)


def constant(model: ir.Model, array: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> ir.Value:
    tensor = ir.tensor(array, name=f"near_miss_{len(model.graph.initializers)}")
    value = ir.Value(
        name=tensor.name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor
    )
    model.graph.register_initializer(value)
    return value


def insert_after(model: ir.Model, node: ir.Node, operator: str, other: ir.Value) -> None:
    """Between `node` and its readers: operator(node, other)."""
    made = node.outputs[0]
    new = ir.node(operator, [made, other])
    new.outputs[0].shape, new.outputs[0].type = made.shape, made.type
    made.replace_all_uses_with(new.outputs[0])
    new.replace_input_with(0, made)
    model.graph.insert_after(node, new)


def scale_of_first_layer(model: ir.Model) -> ir.Node:
    return next(node for node in model.graph if node.op_type == "Mul")


def scale_that_is_a_vector(model: ir.Model) -> None:
    scale_of_first_layer(model).replace_input_with(1, constant(model, np.full(32, 0.5, np.float32)))


def softmax_over_queries(model: ir.Model) -> None:
    first(model, "Softmax").attributes["axis"] = ir.AttrInt64("axis", 2)


def mask_after_softmax(model: ir.Model) -> None:
    softmax = first(model, "Softmax")
    add = softmax.inputs[0].producer()  # type: ignore[union-attr]
    assert add is not None
    bias = add.inputs[1]
    assert bias is not None
    softmax.replace_input_with(0, add.inputs[0])
    insert_after(model, softmax, "Add", bias)


def bias_that_is_no_padding_mask(model: ir.Model) -> None:
    first(model, "Where").replace_input_with(2, constant(model, np.array(1.0, np.float32)))


def keys_of_the_wrong_axis(model: ir.Model) -> None:
    transposes = [node for node in model.graph if node.op_type == "Transpose"]
    key = next(node for node in transposes if node.attributes.get_ints("perm") == (0, 2, 3, 1))
    key.attributes["perm"] = ir.AttrInt64s("perm", [0, 3, 2, 1])


@pytest.mark.parametrize(
    ("breaks", "left"),
    [
        (scale_that_is_a_vector, 1),
        (softmax_over_queries, 1),
        (mask_after_softmax, 1),
        (bias_that_is_no_padding_mask, 0),
        (keys_of_the_wrong_axis, 1),
    ],
)
def test_what_only_looks_like_attention_is_not_fused(
    folded: ir.Model, breaks: Callable[[ir.Model], None], left: int
) -> None:
    breaks(folded)
    assert fuse_attention(folded) == left
    assert fuse_multi_head_attention(folded) == 0
    with pytest.raises(GateError, match=f"Attention: found {left}, expected 2"):
        check_fusions(folded, {"Attention": 2})


def test_attention_with_another_scale_is_fused_with_that_scale(folded: ir.Model) -> None:
    scale_of_first_layer(folded).replace_input_with(1, constant(folded, np.array(0.75, np.float32)))
    assert fuse_attention(folded) == 2
    assert first(folded, "Attention").attributes.get_float("scale") == 0.75


def test_last_layer_of_a_first_token_head_is_fused_as_multi_head_attention(graph: Graph) -> None:
    model = graph(TEXT_CLASSIFICATION)
    fold(model)
    assert fuse_attention(model) == 1
    assert fuse_multi_head_attention(model) == 1


def test_residual_of_three_parts_is_not_fused(folded: ir.Model) -> None:
    norms = [node for node in folded.graph if node.op_type == "LayerNormalization"]
    total = norms[1].inputs[0]
    embedded = norms[0].outputs[0]
    assert total is not None
    assert (add := total.producer()) is not None
    insert_after(folded, add, "Add", embedded)
    assert fuse_skip_layer_normalization(folded) == 3


def test_norm_over_two_axes_is_not_fused(folded: ir.Model) -> None:
    norms = [node for node in folded.graph if node.op_type == "LayerNormalization"]
    norms[1].attributes["axis"] = ir.AttrInt64("axis", 1)
    assert fuse_skip_layer_normalization(folded) == 3
    norms[0].attributes["axis"] = ir.AttrInt64("axis", 1)
    assert fuse_embed_layer_normalization(folded) == 0


def test_positions_that_do_not_start_at_zero_are_not_fused(folded: ir.Model) -> None:
    ones = ir.tensor(np.array([1], np.int64), name="start")
    value = ir.Value(name="start", shape=ir.Shape([1]), type=ir.TensorType(ones.dtype), const_value=ones)
    folded.graph.register_initializer(value)
    first(folded, "Slice").replace_input_with(1, value)
    assert fuse_embed_layer_normalization(folded) == 0


def test_gelu_of_a_sum_of_two_tensors_is_not_fused(folded: ir.Model) -> None:
    gelu = first(folded, "Gelu")
    assert gelu.inputs[0] is not None
    assert (add := gelu.inputs[0].producer()) is not None
    add.replace_input_with(1, add.inputs[0])
    assert fuse_gelu(folded) == 1


def test_scale_of_a_weight_that_something_else_reads_is_not_folded(folded: ir.Model) -> None:
    scale = scale_of_first_layer(folded)
    assert scale.inputs[0] is not None
    assert (add := scale.inputs[0].producer()) is not None
    assert (bias := add.inputs[1]) is not None
    insert_after(folded, add, "Sub", bias)
    assert fold_query_scale(folded) == 1


def test_canonical_names_say_the_layer_and_the_operator(folded: ir.Model) -> None:
    canonical(folded)
    names = [str(node.name) for node in folded.graph]
    assert "bert.encoder.layer.1.output.dense/MatMul" in names
    assert len(set(names)) == len(names)
    assert folded.producer_name == "bert-export"
