"""On the CPU a residual is a Sum and a LayerNormalization, with the numbers of the fused operator, and stays so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest

from bert_export.passes import optimize
from bert_export.passes.fusion_gate import RESIDUAL, count_fusions
from bert_runtime.tasks.question_answering import QUESTION_ANSWERING

IDS = np.arange(2, 22, dtype=np.int64).reshape(2, 10)
FEEDS = {"input_ids": IDS, "attention_mask": np.ones_like(IDS), "token_type_ids": np.zeros_like(IDS)}


@pytest.fixture
def graphs(graph: Callable[..., ir.Model]) -> dict[str, ir.Model]:
    made = {target: graph(QUESTION_ANSWERING) for target in ("cpu", "cuda")}
    for target, model in made.items():
        optimize(model, target)
    return made


def loaded(model: ir.Model, written: Path) -> onnxruntime.InferenceSession:
    """A session with every optimisation on; `written` is the graph that it runs."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(written)
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        ir.to_proto(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def test_both_ways_give_the_same_numbers(graphs: dict[str, ir.Model], tmp_path: Path) -> None:
    split, fused = (loaded(graphs[target], tmp_path / target).run(None, FEEDS) for target in ("cpu", "cuda"))
    for one, other in zip(split, fused, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-6)


def test_the_engine_does_not_fuse_it_back(graphs: dict[str, ir.Model], tmp_path: Path) -> None:
    loaded(graphs["cpu"], tmp_path / "run.onnx")
    found = Counter(node.op_type for node in ir.load(tmp_path / "run.onnx").graph)
    assert found["SkipLayerNormalization"] == 0
    assert found["Sum"] == found["LayerNormalization"] == 4


def test_each_target_counts_its_own_way(graphs: dict[str, ir.Model]) -> None:
    for target, other in (("cpu", "cuda"), ("cuda", "cpu")):
        found = count_fusions(graphs[target])
        assert (found[RESIDUAL[target]], found[RESIDUAL[other]]) == (4, 0)
