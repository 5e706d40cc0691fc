"""Without `positions` a fused graph answers for every token; with them, as it did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from tests.exporter.conftest import VOCABULARY

from bert_export.passes import optimize
from bert_export.passes.optional_positions import optional_positions
from bert_runtime.tasks.fill_mask import FILL_MASK
from bert_runtime.tasks.pretraining import PRETRAINING
from bert_runtime.tasks.task import Task
from bert_runtime.tasks.token_classification import TOKEN_CLASSIFICATION

Graph = Callable[..., ir.Model]
IDS = np.random.default_rng(3).integers(0, len(VOCABULARY), (3, 9))
FEEDS = {"input_ids": IDS, "attention_mask": np.ones_like(IDS), "token_type_ids": np.zeros_like(IDS)}
POSITIONS = np.array([[1, 2], [3, 8], [0, 5]])


def session(model: ir.Model) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    data = ir.to_proto(model).SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("task", [FILL_MASK, PRETRAINING], ids=lambda task: task.name)
def test_without_positions_the_graph_answers_as_transformers_for_every_token(
    task: Task[Any, Any, Any], graph: Graph, model: Callable[..., Any]
) -> None:
    optimized = graph(task)
    optimize(optimized, "cpu")
    running = session(optimized)
    assert [value.name for value in running.get_inputs()] == list(FEEDS)
    with torch.no_grad():
        expected = model(task.model_class)(**{name: torch.from_numpy(array) for name, array in FEEDS.items()})
    everything = running.run(None, FEEDS)
    for spec, found in zip(task.outputs, everything, strict=True):
        np.testing.assert_allclose(found, expected[spec.name].numpy(), atol=1e-4)
    chosen = running.run(None, {**FEEDS, "positions": POSITIONS})
    np.testing.assert_allclose(chosen[0], everything[0][np.arange(3)[:, None], POSITIONS], atol=1e-5)


def test_a_graph_without_positions_stays_as_it_is(graph: Graph) -> None:
    untouched = graph(TOKEN_CLASSIFICATION)
    nodes = len(untouched.graph)
    assert optional_positions(untouched) == 0
    assert len(untouched.graph) == nodes


def test_positions_are_required_where_engines_take_defaults_for_constants(
    graph: Graph,
) -> None:
    portable = graph(FILL_MASK)
    optimize(portable, "portable")
    assert "positions" in [value.name for value in session(portable).get_inputs()]
