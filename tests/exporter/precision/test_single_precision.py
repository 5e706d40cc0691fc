"""What half precision cannot hold stays in single precision, and no more than the parity gate asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest
from safetensors.torch import load_file, save_file
from tests.exporter.conftest import TinyCheckpoint, fast_for
from tests.exporter.precision.graphs import feeds_of

import bert_runtime
from bert_export.errors import GateError
from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_export.passes import optimize
from bert_export.precision.overflow import Feeds, overflowing_nodes
from bert_export.precision.single_precision import mixed_precision_steps
from bert_export.report import ExportReport
from bert_runtime.tasks import find_task

TASK = "token-classification"
LAYER = "bert.encoder.layer.1.attention"


def scaled(checkpoint: Path, folder: Path, factor: float) -> Path:
    """The same network in single precision: a layer's values times `factor`, what reads them divided by it."""
    folder.mkdir()
    for file in checkpoint.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    for name in ("self.value.weight", "self.value.bias"):
        weights[f"{LAYER}.{name}"] = weights[f"{LAYER}.{name}"] * factor
    weights[f"{LAYER}.output.dense.weight"] = weights[f"{LAYER}.output.dense.weight"] / factor
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def exported(checkpoint: Path, output: Path, *targets: str) -> ExportReport:
    return export(ExportOptions(model=str(checkpoint), task=TASK, output=output, targets=targets))


def test_an_ordinary_model_is_half_throughout(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    report = exported(tiny_checkpoint(TASK, {}), tmp_path / "b", "cuda:fp16")
    assert report.artefacts[0].kept == ""


@pytest.mark.parametrize("target", fast_for(["cuda", "portable"], "cuda"))
def test_values_that_overflow_stay_in_single_precision(
    target: str, tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    large = scaled(tiny_checkpoint(TASK, {}), tmp_path / "large", 2.0**15)
    report = exported(large, tmp_path / "b", f"{target}:fp16")
    assert report.artefacts[0].kept == "normalisation, softmax, and values beyond 65504"
    assert all(np.isfinite(check.max_difference) for check in report.artefacts[0].checks)
    with pytest.warns(UserWarning, match="its cuda file runs on ONNX Runtime's") if target == "cuda" else nullcontext():
        session = bert_runtime.load(report.bundle)
    assert session.artefact.precision == "fp16"
    session.close()


def test_a_model_that_half_precision_cannot_hold_is_refused(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    beyond = scaled(tiny_checkpoint(TASK, {}), tmp_path / "beyond", 2.0**40)
    with pytest.raises(GateError, match=r"ends at 65504, and .*layer.1.attention.self.value.weight holds"):
        exported(beyond, tmp_path / "b", "portable:fp16")
    assert not (tmp_path / "b").exists()


@pytest.fixture
def plain_graph(graph: Callable[..., ir.Model]) -> ir.Model:
    model = graph(find_task(TASK))
    optimize(model, "portable")
    return model


def test_overflowing_nodes_are_those_that_touch_a_large_value(plain_graph: ir.Model) -> None:
    feeds = feeds_of(find_task(TASK))
    assert overflowing_nodes(plain_graph, [feeds]) == frozenset()
    value = plain_graph.graph.initializers["bert.encoder.layer.0.attention.self.value.bias"]
    value.const_value = ir.tensor(np.full(32, 40_000, np.float32), name=value.name)
    found = overflowing_nodes(plain_graph, [feeds])
    assert "bert.encoder.layer.0.attention.self.value/Add" in found, "writes it"
    assert "bert.encoder.layer.0.attention.output.dense/MatMul" in found, "reads it"
    assert not [name for name in found if "layer.0.attention.self.query" in name]


def test_later_rungs_keep_what_earlier_ones_kept_and_texts_are_read_last(plain_graph: ir.Model) -> None:
    asked = 0

    def texts() -> Sequence[Feeds]:
        nonlocal asked
        asked += 1
        return [feeds_of(find_task(TASK))]

    ladder = mixed_precision_steps(plain_graph, texts)
    first, second = next(ladder), next(ladder)
    assert (first.kept, asked) == (frozenset(), 0)
    assert {name.rpartition("/")[2].partition("_")[0] for name in second.kept} == {"LayerNormalization", "Softmax"}
    assert next(ladder, None) is None, "nothing overflows: a third try would be the second again"
    assert asked == 1
