"""A graph is one file, or two where its weights are too large for one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from tests.exporter.conftest import TinyBundle

from bert_export.saving import PAGE, SMALLEST, divide, save

Graph = Callable[[], ir.Model]


@pytest.fixture
def graph(tiny_bundle: TinyBundle) -> Graph:
    """A fresh copy of a small graph."""
    return lambda: ir.load(tiny_bundle("question-answering", False).bundle / "model.onnx")


def test_small_graph_is_one_file(graph: Graph, tmp_path: Path) -> None:
    assert save(graph(), tmp_path / "model.onnx") == ["model.onnx"]
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_large_graph_keeps_its_weights_beside_it(graph: Graph, tmp_path: Path) -> None:
    model = graph()
    files = save(model, tmp_path / "model.onnx", largest=1000)
    assert files == ["model.onnx", "model.onnx.data"]
    assert sorted(file.name for file in tmp_path.iterdir()) == files
    assert (tmp_path / "model.onnx").stat().st_size < (tmp_path / "model.onnx.data").stat().st_size
    onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])


def test_weights_are_mapped_from_whole_pages_and_small_ones_stay(tmp_path: Path) -> None:
    sizes = {"large": SMALLEST + 4, "larger": SMALLEST + 8, "largest": 4 * SMALLEST, "small": SMALLEST}
    weights = [
        ir.Value(name=name, const_value=ir.tensor(np.ones(size // 4, np.float32), name=name))
        for name, size in sizes.items()
    ]
    graph = ir.Graph([], [], nodes=[], initializers=weights)
    save(ir.Model(graph, ir_version=10), tmp_path / "model.onnx", largest=SMALLEST)
    places = {each.name: onnx.external_data_helper.ExternalDataInfo(each) for each in stored(tmp_path / "model.onnx")}
    assert {name for name, place in places.items() if place.location} == {"large", "larger", "largest"}
    assert all((place.offset or 0) % PAGE == 0 for place in places.values())


def stored(path: Path) -> list[onnx.TensorProto]:
    return list(onnx.load(path, load_external_data=False).graph.initializer)


def test_a_file_is_divided_as_it_would_have_been_saved(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    save(graph(), tmp_path / "one" / "model.onnx")
    assert divide(tmp_path / "one" / "model.onnx") == ["model.onnx"]
    assert divide(tmp_path / "one" / "model.onnx", largest=1000) == ["model.onnx", "model.onnx.data"]
    save(graph(), tmp_path / "two" / "model.onnx", largest=1000)
    for name in ("model.onnx", "model.onnx.data"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
