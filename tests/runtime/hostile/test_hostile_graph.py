"""Rules about the ONNX files: each broken in a graph whose size and digest are right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pytest
from tests.without_exporter import is_exporter_there

from bert_runtime import bundle, protobuf

if TYPE_CHECKING or is_exporter_there():
    import onnx
    from onnx import helper, numpy_helper

Refused = Callable[[int], str]
Put = Callable[[str, bytes], None]
Edit = Callable[[Callable[[dict[str, Any]], object]], None]
Change: TypeAlias = "Callable[[onnx.ModelProto], object]"


@pytest.mark.parametrize("part", [0.0, 0.001, 0.01, 0.5, 0.9, 0.9999])
def test_rule_27_a_graph_that_is_cut_off_is_refused_though_its_digest_fits(
    part: float, good: Path, put: Put, refused: Refused
) -> None:
    content = (good / "model.onnx").read_bytes()
    put("model.onnx", content[: int(part * len(content))])

    assert "model.onnx:" in refused(27)


@pytest.mark.parametrize(
    "content",
    [
        b"no model at all",
        b"\x80" * 100,
        b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x3b\x3c",
        b"\x38\x01",
        b"\x08\x0a",
        b"\x3d\x00",
        b"\x3a\x01\x80\x08\x0a",
        b"\x08\x80",
    ],
    ids=[
        "text",
        "endless number",
        "huge length",
        "group",
        "graph as number",
        "no graph",
        "cut fixed32",
        "number beyond its message",
        "cut number",
    ],
)
def test_rule_27_what_is_no_onnx_model_is_refused(content: bytes, put: Put, refused: Refused) -> None:
    put("model.onnx", content)

    refused(27)


def test_rule_28_a_graph_of_endless_tiny_fields_is_refused(put: Put, refused: Refused) -> None:
    put("model.onnx", b"\x72\x00" * (protobuf.MAX_FIELDS + 1))

    assert "has more than 1048576 fields" in refused(28)


@pytest.mark.parametrize("depth", [20, 2000])
def test_rule_28_graphs_nested_without_end_are_refused(depth: int, put: Put, refused: Refused) -> None:
    graph = b""
    for _ in range(depth):
        graph = _field(1, _field(5, _field(6, graph)))
    put("model.onnx", _field(7, graph))

    assert "nests graphs more than 16 deep" in refused(28)


def test_rule_28_an_endless_name_is_refused(change: Callable[[Change], None], refused: Refused) -> None:
    change(lambda model: model.graph.initializer.append(onnx.TensorProto(name="a" * 70_000)))

    assert "has a name of 70000 bytes" in refused(28)


def test_rule_31_a_compiled_engine_is_refused(change: Callable[[Change], None], refused: Refused) -> None:
    change(
        lambda model: model.graph.node.append(
            helper.make_node("EPContext", [], ["x"], domain="com.microsoft", ep_cache_context="../../engine")
        )
    )

    assert "EPContext" in refused(31)


def test_rule_32_another_opset_is_refused(change: Callable[[Change], None], refused: Refused) -> None:
    change(lambda model: setattr(model.opset_import[0], "version", 17))

    assert "has opset 17, expected the manifest's" in refused(32)


def test_rule_33_an_input_that_the_manifest_does_not_state_is_refused(
    change: Callable[[Change], None], refused: Refused
) -> None:
    change(lambda model: model.graph.input.append(helper.make_tensor_value_info("extra", 7, ["batch"])))

    assert "the graph's inputs are attention_mask, extra, input_ids" in refused(33)


def test_rule_33_an_input_that_the_graph_lacks_is_refused(change: Callable[[Change], None], refused: Refused) -> None:
    change(lambda model: model.graph.input.pop())

    assert "the graph's inputs are attention_mask, input_ids, expected" in refused(33)


def test_rule_33_an_output_that_the_manifest_does_not_state_is_refused(
    change: Callable[[Change], None], refused: Refused
) -> None:
    change(lambda model: model.graph.output.append(helper.make_tensor_value_info("extra", 1, ["batch"])))

    assert "the graph's outputs are extra, logits" in refused(33)


def test_an_initializer_that_may_be_overridden_needs_no_statement(good: Path, change: Callable[[Change], None]) -> None:
    def edit(model: onnx.ModelProto) -> None:
        model.graph.input.append(helper.make_tensor_value_info("threshold", 1, [1]))
        model.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), "threshold"))

    change(edit)

    assert len(bundle.read(good).manifest.artefacts[0].inputs) == 3


@pytest.mark.parametrize(("elem_type", "name"), [(10, "float16"), (16, "bfloat16"), (99, "ONNX type 99")])
def test_rule_34_another_dtype_is_refused(
    elem_type: int, name: str, change: Callable[[Change], None], refused: Refused
) -> None:
    change(lambda model: setattr(model.graph.output[0].type.tensor_type, "elem_type", elem_type))

    assert f"'logits' is of type {name} in the graph, expected the manifest's float32" in refused(34)


def test_rule_34_an_input_without_a_type_is_refused(change: Callable[[Change], None], refused: Refused) -> None:
    change(lambda model: model.graph.input[0].ClearField("type"))

    assert "'input_ids' is of type unknown" in refused(34)


def test_rule_35_an_axis_that_the_graph_has_fixed_is_refused(
    change: Callable[[Change], None], refused: Refused
) -> None:
    def edit(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 128

    change(edit)

    assert "the axis sequence of 'input_ids' is 128 in the graph, expected a size that changes" in refused(35)


def test_rule_35_another_number_of_axes_is_refused(change: Callable[[Change], None], refused: Refused) -> None:
    change(lambda model: model.graph.output[0].type.tensor_type.shape.dim.pop())

    assert "'logits' has 1 axes in the graph, expected the manifest's: batch, labels" in refused(35)


def test_all_contradictions_of_a_graph_come_in_one_error(
    change: Callable[[Change], None], edit: Edit, refused: Refused
) -> None:
    edit(lambda manifest: manifest["artefacts"][0].update(opset=11))
    change(lambda model: setattr(model.graph.output[0].type.tensor_type, "elem_type", 10))
    text = refused(32)

    assert "expected the manifest's 11" in text
    assert "'logits' is of type float16" in text


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited protocol buffer field."""
    length, encoded = len(content), b""
    while length >= 0x80:
        encoded += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + encoded + bytes([length]) + content
