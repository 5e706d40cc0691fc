"""ONNX Runtime on the CPU is started as bulk work needs it."""

from __future__ import annotations

from pathlib import Path

from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine

GOLDEN = Path(__file__).parents[2] / "golden" / "v1" / "text-classification"


def test_no_memory_is_kept_for_each_shape_that_was_met() -> None:
    options = OnnxRuntimeEngine(GOLDEN / "model.onnx", threads=1).opened().get_session_options()
    assert options.enable_mem_pattern is False
    assert options.intra_op_num_threads == 1
