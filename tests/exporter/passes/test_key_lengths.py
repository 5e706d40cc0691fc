"""A graph with lengths for masks answers right-padded masks as the raw mask does, and no other mask at all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import pytest
from tests.exporter.conftest import fast_for
from tests.exporter.precision.graphs import feeds_of, run

from bert_export.errors import GateError
from bert_export.passes import optimize
from bert_export.passes.constants import produced_by
from bert_export.passes.fusion_gate import Network, check_key_lengths, count_fusions
from bert_export.passes.key_lengths import MASK_INPUT, key_lengths
from bert_export.precision.half import to_half
from bert_runtime.tasks import TASKS, find_task
from bert_runtime.tasks.task import Reads

ENCODERS = [task.name for task in TASKS if not task.is_autoregressive]


def fused(graph: Callable[..., ir.Model], task: str) -> ir.Model:
    model = graph(find_task(task))
    optimize(model, "cuda")
    return model


@pytest.mark.parametrize("task", fast_for(ENCODERS, "question-answering", "fill-mask", "multiple-choice"))
def test_every_layer_takes_lengths_and_answers_the_same(task: str, graph: Callable[..., ir.Model]) -> None:
    model = fused(graph, task)
    feeds = feeds_of(find_task(task))
    mask = feeds["attention_mask"]
    lengths = np.random.default_rng(0).integers(3, mask.shape[-1] + 1, mask.shape[:-1])
    feeds["attention_mask"] = (np.arange(mask.shape[-1]) < lengths[..., None]).astype(np.int64)
    before, fusions = run(model, feeds), count_fusions(model)

    assert key_lengths(model) == 2  # layers
    assert count_fusions(model) == fusions
    masks = [node.inputs[MASK_INPUT[node.op_type]] for node in model.graph if node.op_type in MASK_INPUT]
    assert len(masks) == 2
    assert len(set(masks)) == 1
    assert produced_by(masks[0], "ReduceSum") is not None
    for name, output in run(model, feeds).items():
        shown = feeds["attention_mask"].astype(bool)
        same_axes = output.shape[: shown.ndim] == shown.shape
        one, other = (output[shown], before[name][shown]) if same_axes else (output, before[name])
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_mask_that_is_not_right_padded_is_answered_otherwise(graph: Callable[..., ir.Model]) -> None:
    model = fused(graph, "text-classification")
    feeds = feeds_of(find_task("text-classification"))
    feeds["attention_mask"] = np.ones_like(feeds["attention_mask"])
    feeds["attention_mask"][0, 0] = 0
    before = run(model, feeds)
    key_lengths(model)
    assert np.abs(run(model, feeds)["logits"] - before["logits"]).max() > 1e-3


def test_half_precision_has_the_same_masks(graph: Callable[..., ir.Model]) -> None:
    model = fused(graph, "question-answering")
    to_half(model)
    assert key_lengths(model) == 2


def test_attention_to_a_cache_keeps_its_mask(graph: Callable[..., ir.Model]) -> None:
    assert key_lengths(fused(graph, "text-generation")) == 0


def test_an_attention_that_keeps_the_raw_mask_fails_the_gate() -> None:
    network = Network(12, "gelu", Reads.ALL_TOKENS)
    check_key_lengths(12, network)
    with pytest.raises(GateError, match="11 attentions take the lengths of right-padded rows, expected 12"):
        check_key_lengths(11, network)
