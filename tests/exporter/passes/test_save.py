"""A graph is one file, or two where its weights are too large for one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx_ir as ir
import onnxruntime

from bert_export.passes import optimize
from bert_export.passes.save import save
from bert_runtime.tasks.question_answering import QUESTION_ANSWERING


def test_small_graph_is_one_file(graph: Callable[..., ir.Model], tmp_path: Path) -> None:
    assert save(graph(QUESTION_ANSWERING), tmp_path / "model.onnx") == ["model.onnx"]
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_large_graph_keeps_its_weights_beside_it(graph: Callable[..., ir.Model], tmp_path: Path) -> None:
    model = graph(QUESTION_ANSWERING)
    optimize(model, "cpu")
    files = save(model, tmp_path / "model.onnx", largest=1000)
    assert files == ["model.onnx", "model.onnx.data"]
    assert sorted(file.name for file in tmp_path.iterdir()) == files
    assert (tmp_path / "model.onnx").stat().st_size < (tmp_path / "model.onnx.data").stat().st_size
    onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
