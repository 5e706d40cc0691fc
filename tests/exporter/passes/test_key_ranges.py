"""A graph that takes lengths can be asked for ranges, the form of a mask that always has a fast kernel on a GPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
import pytest
from tests.exporter.conftest import fast_for
from tests.exporter.passes.test_key_lengths import ENCODERS, fused
from tests.exporter.precision.graphs import feeds_of, run

from bert_export.passes.fusion_gate import count_fusions
from bert_export.passes.key_lengths import MASK_INPUT, key_lengths
from bert_export.passes.key_ranges import key_ranges
from bert_runtime.backends.cuda import ALL
from bert_runtime.manifest import KEY_RANGES
from bert_runtime.tasks import find_task


def ranged(graph: Callable[..., ir.Model], task: str) -> ir.Model:
    model = fused(graph, task)
    assert key_ranges(model) == 0
    assert key_lengths(model) == key_ranges(model) == 2  # layers
    return model


@pytest.mark.parametrize("task", fast_for(ENCODERS, "question-answering", "fill-mask", "multiple-choice"))
def test_without_being_asked_it_answers_as_before(task: str, graph: Callable[..., ir.Model]) -> None:
    before, after, feeds = fused(graph, task), ranged(graph, task), feeds_of(find_task(task))
    key_lengths(before)
    assert count_fusions(before) == count_fusions(after)
    expected = run(before, feeds)
    for name, output in run(after, feeds).items():
        np.testing.assert_array_equal(output, expected[name])


def test_the_ranges_are_those_that_the_kernel_reads(graph: Callable[..., ir.Model]) -> None:
    """ONNX Runtime's attention_common.h: MASK_1D_KEY_SEQ_LEN_START."""
    model = ranged(graph, "text-classification")
    masks = {node.inputs[MASK_INPUT[node.op_type]] for node in model.graph if node.op_type in MASK_INPUT}
    (mask,) = masks
    assert mask is not None
    for node in [node for node in model.graph if node.op_type in MASK_INPUT]:
        node.replace_input_with(MASK_INPUT[node.op_type], None)
    model.graph.outputs.append(mask)
    feeds = feeds_of(find_task("text-classification"), batch=3, length=7)
    lengths = [7, 2, 5]
    feeds["attention_mask"] = (np.arange(7) < np.array(lengths)[:, None]).astype(np.int64)
    starts = [0, 7, 14, 21]
    asked = run(model, {**feeds, KEY_RANGES: ALL})[str(mask.name)]
    assert asked.tolist() == [*lengths, *starts, *starts]
    assert asked.dtype.name == "int32"
    assert run(model, feeds)[str(mask.name)].tolist() == lengths
