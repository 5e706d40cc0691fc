"""For OpenVINO keys are transposed in two steps: the same numbers, and the second inside attention's kernel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import openvino

from bert_export.passes import optimize
from bert_export.passes.split_key_transpose import FIRST, SECOND, WHOLE, split_key_transpose
from bert_runtime.tasks.question_answering import QUESTION_ANSWERING

IDS = np.arange(2, 22, dtype=np.int64).reshape(2, 10)
FEEDS = {"input_ids": IDS, "attention_mask": np.ones_like(IDS), "token_type_ids": np.zeros_like(IDS)}


def compiled(model: ir.Model, path: Path) -> Any:
    ir.save(model, path)
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    return openvino.Core().compile_model(str(path), "CPU", settings)


def orders(model: ir.Model) -> list[tuple[int, ...]]:
    return [tuple(node.attributes.get_ints("perm", ())) for node in model.graph if node.op_type == "Transpose"]


def test_every_layer_is_split_and_the_numbers_stay(graph: Callable[..., ir.Model], tmp_path: Path) -> None:
    whole, split = graph(QUESTION_ANSWERING), graph(QUESTION_ANSWERING)
    optimize(whole, "portable")
    optimize(split, "openvino")

    assert orders(whole).count(WHOLE) == 2
    assert (orders(split).count(WHOLE), orders(split).count(SECOND)) == (0, 2)
    assert orders(split).count(FIRST) == orders(whole).count(FIRST) + 2
    one, other = (compiled(model, tmp_path / f"{len(model.graph)}.onnx")(FEEDS) for model in (whole, split))
    for name in ("start_logits", "end_logits"):
        np.testing.assert_allclose(one[name], other[name], atol=1e-6)


def test_openvino_reads_the_second_step_inside_its_kernel(graph: Callable[..., ir.Model], tmp_path: Path) -> None:
    model = graph(QUESTION_ANSWERING)
    optimize(model, "openvino")
    executed = compiled(model, tmp_path / "model.onnx").get_runtime_model()
    moved = [
        [str(size) for size in node.output(0).get_partial_shape()]
        for node in executed.get_ops()
        if str(node.get_rt_info()["layerType"].astype(str)) == "Transpose"
    ]
    keys = [shape for shape in moved if len(shape) == 4]

    assert keys == [["?", "4", "?", "8"]] * 2  # whole rows of a head's width, not number by number


def test_keys_that_something_else_reads_stay_whole(graph: Callable[..., ir.Model]) -> None:
    model = graph(QUESTION_ANSWERING)
    optimize(model, "portable")
    keys = next(node for node in model.graph if tuple(node.attributes.get_ints("perm", ())) == WHOLE)
    model.graph.insert_after(keys, ir.node("Identity", [keys.outputs[0]]))

    assert split_key_transpose(model) == 1
    assert orders(model).count(WHOLE) == 1
