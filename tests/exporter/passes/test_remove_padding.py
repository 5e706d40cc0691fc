"""A packed graph answers as the graph with padding does; ONNX Runtime reads it, and lacks nothing but the kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from tests.exporter.conftest import fast_for
from tests.exporter.precision.graphs import Arrays, feeds_of, run

from bert_export.errors import GateError
from bert_export.passes import optimize
from bert_export.passes.fusion_gate import Network, check_packed, count_fusions
from bert_export.passes.key_lengths import key_lengths
from bert_export.passes.remove_padding import NORMS, remove_padding
from bert_export.precision.half import to_half
from bert_export.precision.single_precision import DELICATE
from bert_export.verify.padding_removal import PackedEngine, check_schemas
from bert_runtime.tasks import TASKS, find_task
from bert_runtime.tasks.task import Reads

ENCODERS = [task.name for task in TASKS if not task.is_autoregressive]
QA = "question-answering"


def with_lengths(graph: Callable[..., ir.Model], task: str, activation: str = "gelu") -> ir.Model:
    model = graph(find_task(task), False, activation)
    optimize(model, "cuda")
    key_lengths(model)
    return model


def network(task: str) -> Network:
    reads = find_task(task).reads
    words = reads in (Reads.MASKED_POSITIONS, Reads.LAST_TOKEN)
    return Network(2, "gelu", reads, "gelu" if words else None)


def ragged(task: str) -> Arrays:
    """Rows, and choices, of 9 tokens of which 3 to 9 are no padding."""
    feeds = feeds_of(find_task(task), batch=3)
    mask = feeds["attention_mask"]
    lengths = np.resize([9, 3, 5, 4], mask.shape[:-1])
    positions = {"positions": np.array([[0, 2]] * 3)} if "positions" in feeds else {}
    return feeds | positions | {"attention_mask": (np.arange(9) < lengths[..., None]).astype(np.int64)}


def answers(model: ir.Model, feeds: Arrays, folder: Path) -> Arrays:
    """Of a packed graph."""
    path = folder / "packed.onnx"
    ir.save(model, path)
    check_schemas(path)
    return dict(PackedEngine(path, 1).run(feeds, [str(value.name) for value in model.graph.outputs]))


def assert_tokens_same(
    one: Arrays, other: Arrays, mask: np.ndarray[tuple[int, ...], np.dtype[np.int64]], atol: float
) -> None:
    for name, output in other.items():
        shown = mask.astype(bool)
        rows = shown if output.shape[: shown.ndim] == shown.shape else ...
        np.testing.assert_allclose(one[name][rows], output[rows], atol=atol)


@pytest.mark.parametrize("task", fast_for(ENCODERS, "question-answering", "fill-mask", "multiple-choice"))
def test_a_packed_graph_answers_as_the_graph_with_padding(
    task: str, graph: Callable[..., ir.Model], tmp_path: Path
) -> None:
    model, feeds = with_lengths(graph, task), ragged(task)
    expected = run(model, feeds)
    layers = 2 if find_task(task).reads is Reads.ALL_TOKENS else 1  # others read one token of the last layer's rows
    assert remove_padding(model) == layers
    check_packed(model, network(task))
    found = count_fusions(model)
    assert (found["PackedAttention"], found["RemovePadding"], found["RestorePadding"]) == (layers, 1, 1)
    assert_tokens_same(answers(model, feeds, tmp_path), expected, feeds["attention_mask"], 1e-5)


@pytest.mark.parametrize("activation", fast_for(["gelu_new", "quick_gelu", "relu"], "relu"))
def test_every_activation_is_computed_without_padding(
    activation: str, graph: Callable[..., ir.Model], tmp_path: Path
) -> None:
    model, feeds = with_lengths(graph, QA, activation), ragged(QA)
    expected = run(model, feeds)
    assert remove_padding(model) == 2
    (restored,) = (node for node in model.graph if node.op_type == "RestorePadding")
    source = restored.inputs[0]
    producer = source.producer() if source is not None else None
    assert producer is not None
    assert producer.op_type in NORMS
    assert str(producer.name).startswith("bert.encoder.layer.1.output")
    assert_tokens_same(answers(model, feeds, tmp_path), expected, feeds["attention_mask"], 1e-5)


@pytest.mark.parametrize("keeps_norms", [False, True])
def test_half_precision_is_packed_with_its_conversions(
    keeps_norms: bool, graph: Callable[..., ir.Model], tmp_path: Path
) -> None:
    model, feeds = with_lengths(graph, QA), ragged(QA)
    expected = run(model, feeds)
    to_half(model, {str(node.name) for node in model.graph if keeps_norms and node.op_type in DELICATE})
    assert remove_padding(model) == 2
    check_packed(model, network(QA))
    assert_tokens_same(answers(model, feeds, tmp_path), expected, feeds["attention_mask"], 0.1)


def test_one_token_more_or_less_would_show(graph: Callable[..., ir.Model], tmp_path: Path) -> None:
    model, feeds = with_lengths(graph, QA), ragged(QA)
    expected = run(model, feeds)
    remove_padding(model)
    mask = feeds["attention_mask"].copy()
    mask[0, -1] = 0
    got = answers(model, feeds | {"attention_mask": mask}, tmp_path)
    shown = mask[0].astype(bool)
    # ten times what the tests above allow
    assert np.abs(got["start_logits"][0][shown] - expected["start_logits"][0][shown]).max() > 1e-4


def test_an_attention_with_the_raw_mask_is_not_packed_and_fails_the_gate(graph: Callable[..., ir.Model]) -> None:
    model = with_lengths(graph, QA)
    second = [node for node in model.graph if node.op_type == "Attention"][1]
    raw = next(node for node in model.graph if node.op_type == "ReduceSum").inputs[0]
    second.replace_input_with(3, raw)
    assert remove_padding(model) == 1
    with pytest.raises(GateError, match="PackedAttention: found 1, expected 2"):
        check_packed(model, network(QA))


def test_a_head_of_one_layer_that_reads_one_token_has_nothing_to_pack() -> None:
    with pytest.raises(GateError, match="no layer of this head computes every token"):
        check_packed(ir.Model(ir.Graph([], [], nodes=[]), ir_version=10), Network(1, "gelu", Reads.FIRST_TOKEN))


def test_a_graph_with_padding_in_between_fails_the_gate(graph: Callable[..., ir.Model]) -> None:
    model = with_lengths(graph, QA)
    remove_padding(model)
    restored = next(node for node in model.graph if node.op_type == "RestorePadding")
    again = ir.node("RestorePadding", restored.inputs, domain="com.microsoft", name="again")
    model.graph.insert_after(restored, again)
    with pytest.raises(GateError, match="restores it 2 times, expected none and once"):
        check_packed(model, network(QA))


def test_a_graph_that_breaks_a_schema_is_refused(graph: Callable[..., ir.Model], tmp_path: Path) -> None:
    model = with_lengths(graph, QA)
    remove_padding(model)
    removed = next(node for node in model.graph if node.op_type == "RemovePadding")
    removed.replace_input_with(1, model.graph.inputs[1])  # int64, where the schema takes int32
    ir.save(model, tmp_path / "packed.onnx")
    with pytest.raises(GateError, match=r"onnxruntime refuses the packed graph: .*Type Error"):
        check_schemas(tmp_path / "packed.onnx")
