"""A graph for sequence packing gives each text what the artefact's own graph gives for it alone, for every head."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from tests.exporter.passes.conftest import tiny_model
from tests.exporter.precision.graphs import run

from bert_export.passes import optimize
from bert_export.passes.pack_sequences import pack_sequences
from bert_export.rewrite import rewrite
from bert_export.trace import trace
from bert_runtime.schedule import BatchLimits, collate, split
from bert_runtime.sequence_packing import pack, plan_packed, unpack
from bert_runtime.tasks import TASKS, find_task
from bert_runtime.tasks.task import Features, HeadSettings, Reads, Task

SHARING = [task.name for task in TASKS if task.sequence_packing is not None]
LAYERS = 2


def texts(task: Task[Any, Any, Any]) -> list[Features]:
    """Of 2 to 29 tokens of both types, and with one or two masks where these are read."""
    random, found = np.random.default_rng(0), []
    for length in [2, *random.integers(3, 30, 20).tolist()]:
        positions = None
        if task.reads is Reads.MASKED_POSITIONS:
            positions = np.sort(random.choice(length, random.integers(1, 3), replace=False)).astype(np.int64)
        types = (np.arange(length) > length // 2).astype(np.int64)
        found.append(Features(random.integers(5, 100, length), types, np.ones(length, np.int64), positions))
    return found


def differences(task: Task[Any, Any, Any], own: ir.Model, shared: ir.Model) -> dict[str, float]:
    """Output -> the largest difference between a text alone and in a row with others."""
    found, tensors = texts(task), task.sequence_packing
    assert tensors is not None
    worst = dict.fromkeys((spec.name for spec in task.outputs), 0.0)
    for batch in plan_packed(found, BatchLimits(max_batch_tokens=100)):
        assert len(batch) > 1 or len(batch[0]) > 1
        feeds, segments = pack(batch, found, 0, tensors.inputs)
        for i, outputs in unpack(run(shared, feeds), segments, found, tensors.outputs):
            collated = collate([found[i]], 0)
            alone = run(own, {spec.name: collated[spec.name] for spec in task.inputs()})
            (expected,) = split(alone, [found[i]], task.outputs)
            for name, output in outputs.items():
                assert output.shape == expected[name].shape
                worst[name] = max(worst[name], float(np.abs(output - expected[name]).max()))
    return worst


@pytest.mark.parametrize("task", SHARING)
def test_a_text_is_answered_as_alone(task: str, graph: Callable[..., ir.Model]) -> None:
    own, head = graph(find_task(task)), find_task(task)
    optimize(own, "openvino")
    shared = own.clone()
    assert head.sequence_packing is not None
    assert pack_sequences(shared, head.sequence_packing, head.reads) == LAYERS
    assert [value.name for value in shared.graph.inputs] == [spec.name for spec in head.sequence_packing.inputs]
    assert [value.name for value in shared.graph.outputs] == [spec.name for spec in head.sequence_packing.outputs]
    assert max(differences(head, own, shared).values()) < 1e-5


@pytest.mark.parametrize("pooling", ["cls", "pooler"])
@pytest.mark.parametrize("normalize", [False, True])
def test_every_pooling_reads_its_own_text(pooling: str, normalize: bool) -> None:
    task = find_task("feature-extraction")
    own = trace(rewrite(tiny_model(task.model_class), task, False, HeadSettings(pooling=pooling, normalize=normalize)))
    optimize(own, "openvino")
    shared = own.clone()
    assert task.sequence_packing is not None
    pack_sequences(shared, task.sequence_packing, task.reads)
    assert max(differences(task, own, shared).values()) < 1e-5


def test_without_the_bias_a_text_sees_the_others(graph: Callable[..., ir.Model]) -> None:
    task = find_task("token-classification")
    own = graph(task)
    optimize(own, "openvino")
    shared = own.clone()
    assert task.sequence_packing is not None
    pack_sequences(shared, task.sequence_packing, task.reads)
    same = next(node for node in shared.graph if node.name == "sequence_packing/same_text")
    same.replace_input_with(1, same.inputs[0])  # every token is of every text
    assert max(differences(task, own, shared).values()) > 0.01


def test_the_weights_are_those_of_the_graph(graph: Callable[..., ir.Model]) -> None:
    task = find_task("text-classification")
    own = graph(task)
    optimize(own, "openvino")
    shared = own.clone()
    assert task.sequence_packing is not None
    pack_sequences(shared, task.sequence_packing, task.reads)
    weights = {name for name in own.graph.initializers if "." in name}
    assert {name for name in shared.graph.initializers if "." in name} == weights
