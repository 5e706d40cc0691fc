"""Attention to an encoder becomes one operator a layer, which answers like the plain ones; what differs is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from tests.exporter.conftest import PLAIN
from tests.exporter.passes.test_fuse_cached_attention import HEADS, SIZE, Array, Graph, feeds, session

from bert_export.errors import GateError
from bert_export.passes import optimize
from bert_export.passes.fold import fold
from bert_export.passes.fuse_cached_attention import fuse_cached_attention
from bert_export.passes.fuse_cross_attention import fuse_cross_attention
from bert_export.passes.fusion_gate import CROSS, RESIDUAL, Network, check_fusions, count_fusions, expected_fusions
from bert_runtime.tasks.text_generation import TEXT_GENERATION

Operators = Callable[[ir.Model], None]


def source(sources: int, tokens: int, hidden: tuple[int, ...] = ()) -> dict[str, Array]:
    """Keys, values and a mask of sources; the tokens `hidden` of the first are padding."""
    random = np.random.default_rng(tokens)
    names = [f"cross_key_values.{layer}.{part}" for layer in (0, 1) for part in ("key", "value")]
    mask = np.ones((sources, tokens), np.int64)
    mask[0, list(hidden)] = 0
    shape = (sources, HEADS, tokens, SIZE)
    kept: dict[str, Array] = {name: random.standard_normal(shape).astype(np.float32) for name in names}
    return {"encoder_attention_mask": mask, **kept}


@pytest.mark.parametrize("plain", PLAIN)
def test_fused_graph_answers_like_the_plain_operators(graph: Graph, plain: bool) -> None:
    fused, portable = (graph(TEXT_GENERATION, plain, reads_encoder=True) for _ in range(2))
    optimize(fused, "cpu")
    optimize(portable, "portable")
    one, other = session(fused), session(portable)
    cases = (
        (feeds(1, 1, 0, 0), source(1, 1)),
        (feeds(1, 9, 0, 0), source(1, 30, (0, 1, 2))),
        (feeds(3, 1, 20, 4), source(3, 7, (6,))),
        (feeds(4, 1, 20, 4), source(2, 7, (1, 3))),
        (feeds(6, 5, 3, 2), source(2, 12, (0, 11))),
        (feeds(4, 1, 3, 0), source(1, 5)),
    )
    for own, read in cases:
        for found, expected in zip(one.run(None, own | read), other.run(None, own | read), strict=True):
            assert found.shape == expected.shape
            assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize("plain", PLAIN)
def test_every_layer_is_fused_and_counted_apart(graph: Graph, model: Callable[..., Any], plain: bool) -> None:
    fused = graph(TEXT_GENERATION, plain, reads_encoder=True)
    report = optimize(fused, "cpu")
    config = model("BertLMHeadModel", reads_encoder=True).config
    expected = expected_fusions(Network.of(TEXT_GENERATION, config, plain), "cpu")
    assert report.counts["fuse_cached_attention"] == report.counts["fuse_cross_attention"] == 2
    assert count_fusions(fused) == expected
    assert expected == {"MultiHeadAttention": 2, CROSS: 2, RESIDUAL["cpu"]: 6, "BiasGelu": 3}


def test_a_token_computes_no_keys_of_its_source(graph: Graph) -> None:
    fused = graph(TEXT_GENERATION, reads_encoder=True)
    optimize(fused, "cpu")
    assert not [node for node in fused.graph if node.op_type in ("Softmax", "Transpose") and "cross" in str(node.name)]
    weights = [name for name in fused.graph.initializers if "crossattention.self" in name and "weight" in name]
    assert weights == [f"bert.encoder.layer.{layer}.crossattention.self.query.weight" for layer in (0, 1)]


def test_only_the_query_has_a_bias(graph: Graph, model: Callable[..., Any]) -> None:
    fused = graph(TEXT_GENERATION, reads_encoder=True)
    optimize(fused, "cpu")
    layer = model("BertLMHeadModel", reads_encoder=True).bert.encoder.layer[1]
    constant = fused.graph.initializers["bert.encoder.layer.1.crossattention.self.query_only.bias"].const_value
    assert constant is not None
    np.testing.assert_array_equal(constant.numpy()[:32], layer.crossattention.self.query.bias.detach().numpy())
    assert not constant.numpy()[32:].any()


def keys_of_other_heads(model: ir.Model) -> None:
    for value in model.graph.inputs:
        if value.name.startswith("cross"):  # type: ignore[union-attr]
            value.shape = ir.Shape(["sources", 2, "source", 2 * SIZE])


def values_of_other_tokens(model: ir.Model) -> None:
    for value in model.graph.inputs:
        if value.name in ("cross_key_values.0.value", "cross_key_values.1.value"):
            value.shape = ir.Shape(["sources", HEADS, "others", SIZE])


def mask_of_other_tokens(model: ir.Model) -> None:
    for value in model.graph.inputs:
        if value.name == "encoder_attention_mask":
            value.shape = ir.Shape(["sources", "others"])


def bias_that_is_no_mask(model: ir.Model) -> None:
    for node in model.graph:
        if node.op_type == "Equal" and node.inputs[0] is not None and node.inputs[0].name == "encoder_attention_mask":
            node.op_type = "Less"


@pytest.mark.parametrize(
    "change",
    [keys_of_other_heads, values_of_other_tokens, mask_of_other_tokens, bias_that_is_no_mask],
    ids=lambda change: change.__name__,
)
def test_what_only_looks_like_attention_to_a_source_is_not_fused(graph: Graph, change: Operators) -> None:
    model = graph(TEXT_GENERATION, reads_encoder=True)
    fold(model)
    change(model)
    assert fuse_cross_attention(model) == 0


def test_a_layer_that_was_not_fused_is_an_error_that_names_cross_attention(
    graph: Graph, model: Callable[..., Any]
) -> None:
    fused = graph(TEXT_GENERATION, reads_encoder=True)
    fold(fused)
    fuse_cached_attention(fused)
    network = Network.of(TEXT_GENERATION, model("BertLMHeadModel", reads_encoder=True).config)
    with pytest.raises(GateError, match=r"MultiHeadAttention \(cross-attention\): found 0, expected 2") as error:
        check_fusions(fused, expected_fusions(network, "cpu"))
    assert "MultiHeadAttention: found" not in str(error.value)


def test_axes_have_the_names_of_the_task(graph: Graph) -> None:
    model = graph(TEXT_GENERATION, reads_encoder=True)
    optimize(model, "cpu")
    names = {dim.value for value in model.graph.inputs for dim in value.shape or () if isinstance(dim, ir.SymbolicDim)}
    assert names == {"batch", "sequence", "past", "total", "sources", "source"}
