"""Attention to a cache becomes one operator a layer, which answers like the plain operators; what differs is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
from tests.exporter.conftest import VOCABULARY

from bert_export.errors import GateError
from bert_export.passes import optimize
from bert_export.passes.fold import fold
from bert_export.passes.fuse_cached_attention import fuse_cached_attention
from bert_export.passes.fusion_gate import RESIDUAL, Network, check_fusions, count_fusions, expected_fusions
from bert_runtime.tasks.task import Reads
from bert_runtime.tasks.text_generation import TEXT_GENERATION

Array = np.ndarray[Any, Any]
Graph = Callable[..., ir.Model]
HEADS, SIZE = 4, 8


def session(model: ir.Model) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    data = ir.to_proto(model).SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def feeds(batch: int, sequence: int, past: int, padding: int) -> dict[str, Array]:
    """A call with a cache of `past` tokens, the first `padding` of which are padding in the first row."""
    random = np.random.default_rng(batch * 1000 + past)
    mask = np.ones((batch, past + sequence), np.int64)
    mask[0, :padding] = 0
    names = [f"past_key_values.{layer}.{part}" for layer in (0, 1) for part in ("key", "value")]
    cache = {name: random.standard_normal((batch, HEADS, past, SIZE)).astype(np.float32) for name in names}
    return {"input_ids": random.integers(0, len(VOCABULARY), (batch, sequence)), "attention_mask": mask, **cache}


@pytest.mark.parametrize("plain", [False, True])
def test_fused_graph_answers_like_the_plain_operators(graph: Graph, plain: bool) -> None:
    fused, portable = graph(TEXT_GENERATION, plain), graph(TEXT_GENERATION, plain)
    optimize(fused, "cpu")
    optimize(portable, "portable")
    one, other = session(fused), session(portable)
    for case in ((1, 1, 0, 0), (1, 9, 0, 0), (1, 1, 1, 0), (3, 1, 20, 4), (3, 6, 20, 22), (2, 5, 0, 3)):
        feed = feeds(*case)
        for found, expected in zip(one.run(None, feed), other.run(None, feed), strict=True):
            assert found.shape == expected.shape
            assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize("plain", [False, True])
def test_every_layer_is_fused(graph: Graph, model: Callable[..., Any], plain: bool) -> None:
    fused = graph(TEXT_GENERATION, plain)
    report = optimize(fused, "cpu")
    expected = expected_fusions(Network.of(TEXT_GENERATION, model("BertLMHeadModel").config, plain), "cpu")
    assert report.counts["fuse_cached_attention"] == 2
    assert count_fusions(fused) == expected
    assert expected == {"MultiHeadAttention": 2, RESIDUAL["cpu"]: 4, "BiasGelu": 3}


def test_new_keys_are_computed_once_and_not_copied_again(graph: Graph) -> None:
    fused = graph(TEXT_GENERATION)
    optimize(fused, "cpu")
    assert not [node for node in fused.graph if node.op_type in ("Concat", "Softmax")]
    makers = {output.producer().op_type for output in fused.graph.outputs[1:]}  # type: ignore[union-attr]
    assert makers == {"MultiHeadAttention"}


def bias_for_each_head(model: ir.Model) -> None:
    for node in model.graph:
        if node.op_type == "Softmax":
            scores = node.inputs[0].producer()  # type: ignore[union-attr]
            scores.inputs[1].shape = ir.Shape(["batch", HEADS, "sequence", "total"])  # type: ignore[union-attr]


def bias_of_one_row(model: ir.Model) -> None:
    for node in model.graph:
        if node.op_type == "Softmax":
            scores = node.inputs[0].producer()  # type: ignore[union-attr]
            scores.inputs[1].shape = ir.Shape(["batch", 1, 7, "total"])  # type: ignore[union-attr]


def cache_of_other_heads(model: ir.Model) -> None:
    for value in model.graph.inputs[2:]:
        value.shape = ir.Shape(["batch", 2, "past", 2 * SIZE])


def cache_after_the_new_tokens(model: ir.Model) -> None:
    for node in model.graph:
        if node.op_type == "Concat" and node.outputs[0] in model.graph.outputs:
            first, second = node.inputs
            node.replace_input_with(0, second)
            node.replace_input_with(1, first)


@pytest.mark.parametrize(
    "change",
    [bias_for_each_head, bias_of_one_row, cache_of_other_heads, cache_after_the_new_tokens],
    ids=lambda change: change.__name__,
)
def test_what_only_looks_like_attention_to_a_cache_is_not_fused(
    graph: Graph, change: Callable[[ir.Model], None]
) -> None:
    model = graph(TEXT_GENERATION)
    fold(model)
    change(model)
    assert fuse_cached_attention(model) == 0


def test_a_layer_that_was_not_fused_is_an_error(graph: Graph) -> None:
    model = graph(TEXT_GENERATION)
    fold(model)
    network = Network(2, "gelu", Reads.LAST_TOKEN, vocabulary_head="gelu", cached=True)
    with pytest.raises(GateError, match="MultiHeadAttention: found 0, expected 2"):
        check_fusions(model, expected_fusions(network, "cpu"))


@pytest.mark.parametrize("target", ["cpu", "portable"])
@pytest.mark.parametrize("plain", [False, True])
def test_word_embeddings_and_vocabulary_projection_are_one_tensor(
    graph: Graph, model: Callable[..., Any], plain: bool, target: str
) -> None:
    fused = graph(TEXT_GENERATION, plain)
    optimize(fused, target)
    stored = sum(value.const_value.nbytes for value in fused.graph.initializers.values() if value.const_value)
    parameters = sum(parameter.numel() for parameter in model("BertLMHeadModel").parameters()) * 4
    assert stored <= 1.02 * parameters


def test_axes_have_the_names_of_the_task_everywhere(graph: Graph) -> None:
    model = graph(TEXT_GENERATION)
    optimize(model, "cpu")
    made = [*model.graph.inputs, *(value for node in model.graph for value in node.outputs)]
    names = {dim.value for value in made for dim in value.shape or () if isinstance(dim, ir.SymbolicDim)}
    assert names == {"batch", "sequence", "past", "total"}
