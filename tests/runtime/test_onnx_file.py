"""What is read of an ONNX file without onnx is what onnx reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.without_exporter import is_exporter_there

from bert_runtime import onnx_file
from bert_runtime.errors import BundleError
from bert_runtime.external_data import ExternalData
from bert_runtime.onnx_file import GraphTensor

if TYPE_CHECKING or is_exporter_there():
    import onnx
    from onnx import helper, numpy_helper

GOLDEN = Path(__file__).parents[1] / "golden" / "v1" / "text-classification" / "model.onnx"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def _tensor(value: onnx.ValueInfoProto) -> GraphTensor:
    found = value.type.tensor_type
    shape = tuple(dim.dim_param or dim.dim_value for dim in found.shape.dim)
    return GraphTensor(value.name, np.dtype(helper.tensor_dtype_to_np_dtype(found.elem_type)).name, shape)


@pytest.mark.exporter
def test_tensors_initializers_operators_and_opset_are_those_of_onnx() -> None:
    model, found = onnx.load(GOLDEN), onnx_file.read(GOLDEN)

    assert found.inputs == tuple(_tensor(value) for value in model.graph.input)
    assert found.outputs == tuple(_tensor(value) for value in model.graph.output)
    assert found.initializers == {tensor.name for tensor in model.graph.initializer}
    assert found.operators == {node.op_type for node in model.graph.node}
    assert found.opset == model.opset_import[0].version
    assert found.external == ()


@pytest.mark.exporter
def test_external_data_is_found_where_onnx_put_it(path: Path) -> None:
    model = onnx.load(GOLDEN)
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    saved = onnx.load(path, load_external_data=False)
    expected = set()
    for tensor in saved.graph.initializer:
        entries = {entry.key: entry.value for entry in tensor.external_data}
        if entries:
            expected.add(ExternalData(tensor.name, "weights.bin", int(entries["offset"]), int(entries["length"])))

    assert len(expected) > 10
    assert set(onnx_file.read(path).external) >= expected
    assert {external.location for external in onnx_file.read(path).external} == {"weights.bin"}


@pytest.mark.exporter
def test_a_shape_may_be_unknown_in_part_or_as_a_whole(path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["a"], ["b"])],
        "g",
        [helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT16, None)],
        [helper.make_tensor_value_info("b", onnx.TensorProto.FLOAT16, [None, 0, "n"])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("ai.onnx", 18)]), path)
    found = onnx_file.read(path)

    assert found.inputs == (GraphTensor("a", "float16", None),)
    assert found.outputs == (GraphTensor("b", "float16", (None, 0, "n")),)
    assert found.opset == 18


@pytest.mark.exporter
def test_inputs_of_subgraphs_are_not_inputs_of_the_graph(path: Path) -> None:
    inner = helper.make_graph(
        [], "inner", [helper.make_tensor_value_info("i", 7, [])], [helper.make_tensor_value_info("o", 7, [])],
        initializer=[numpy_helper.from_array(np.zeros(2), "w")],
    )  # fmt: skip
    graph = helper.make_graph([helper.make_node("Loop", [], [], body=inner)], "outer", [], [])
    onnx.save(helper.make_model(graph), path)
    found = onnx_file.read(path)

    assert (found.inputs, found.outputs, found.initializers) == ((), (), frozenset())


@pytest.mark.exporter
def test_a_graph_in_two_parts_which_protocol_buffers_would_merge_is_refused(path: Path) -> None:
    first = helper.make_graph([], "a", [helper.make_tensor_value_info("x", 7, ["n"])], [])
    second = helper.make_graph([], "b", [helper.make_tensor_value_info("y", 7, ["n"])], [])
    parts = [onnx.ModelProto(graph=graph).SerializeToString() for graph in (first, second)]
    path.write_bytes(b"".join(parts))

    with pytest.raises(BundleError, match="has field 7 of a ModelProto twice"):
        onnx_file.read(path)


def test_a_file_that_is_missing_is_a_bundle_error(path: Path) -> None:
    with pytest.raises(BundleError, match=r"model\.onnx: No such file"):
        onnx_file.read(path)
