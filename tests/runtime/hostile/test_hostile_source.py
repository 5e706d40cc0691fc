"""A decoder that reads an encoder has a second graph: it is held to every rule that the first is held to."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.without_exporter import is_exporter_there

from bert_runtime import bundle
from bert_runtime.errors import BundleError

if TYPE_CHECKING or is_exporter_there():
    import onnx

GOLDEN = Path(__file__).parents[2] / "golden" / "v1" / "text-generation-from-source"
Change = Callable[[Any], object]
Refused = Callable[[int], str]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the golden bundle."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))


@pytest.fixture
def edit(copy: Path) -> Callable[[Change], None]:
    """Change the copy's manifest."""

    def apply(change: Change) -> None:
        manifest = json.loads((copy / "manifest.json").read_bytes())
        change(manifest)
        (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    return apply


@pytest.fixture
def refused(copy: Path, rules: Mapping[int, tuple[str, ...]]) -> Refused:
    """The error of the copy, which holds the words of a rule of BUNDLE.md."""

    def reading(rule: int) -> str:
        with pytest.raises(BundleError) as error:
            bundle.read(copy)
        assert any(words in str(error.value) for words in rules[rule]), str(error.value)
        return str(error.value)

    return reading


@pytest.fixture
def put(copy: Path, edit: Callable[[Change], None]) -> Callable[[bytes], None]:
    """Replace the graph of the source, and its size and digest: what an attacker can do."""

    def write(content: bytes) -> None:
        (copy / "cross_kv.onnx").write_bytes(content)
        record = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        edit(lambda manifest: manifest["files"].update({"cross_kv.onnx": record}))

    return write


@pytest.fixture
def change(put: Callable[[bytes], None]) -> Callable[[Change], None]:
    """Change the graph of the source and seal it again."""

    def apply(edit: Change) -> None:
        model = onnx.load(GOLDEN / "cross_kv.onnx")
        edit(model)
        put(model.SerializeToString())

    return apply


def test_rule_20_a_source_beside_an_artefact_without_one(edit: Callable[[Change], None], refused: Refused) -> None:
    edit(lambda manifest: manifest["artefacts"][1].pop("cross_kv_graph"))
    message = refused(20)
    assert "artefacts[1].cross_kv_graph is missing, expected one in every artefact or in none" in message
    assert "artefacts[1].inputs are" in message


def test_rule_20_inputs_for_a_source_that_is_not_there(edit: Callable[[Change], None], refused: Refused) -> None:
    edit(lambda manifest: [artefact.pop("cross_kv_graph") for artefact in manifest["artefacts"]])
    assert "artefacts[0].inputs are input_ids" in refused(20)


@pytest.mark.parametrize("key", ["inputs", "outputs"])
def test_rule_20_other_tensors_of_a_source(key: str, edit: Callable[[Change], None], refused: Refused) -> None:
    edit(lambda manifest: manifest["artefacts"][0]["cross_kv_graph"][key].pop())
    assert f"artefacts[0].cross_kv_graph.{key} are" in refused(20)


@pytest.mark.parametrize("axis", ["source", "sources"])
def test_rule_23_the_size_of_an_axis_of_the_source(axis: str, edit: Callable[[Change], None], refused: Refused) -> None:
    edit(lambda manifest: manifest["sizes"].update({axis: 7}))
    assert f"sizes.{axis} is given, expected no size for an axis that changes with the request" in refused(23)


def test_rule_23_without_the_width_of_the_encoder(edit: Callable[[Change], None], refused: Refused) -> None:
    edit(lambda manifest: manifest["sizes"].pop("hidden"))
    assert "sizes.hidden is missing" in refused(23)


def test_rule_24_without_the_file(copy: Path, refused: Refused) -> None:
    (copy / "cross_kv.onnx").unlink()
    assert "cross_kv.onnx is missing" in refused(24)


def test_rule_25_a_source_beyond_two_gibibytes(edit: Callable[[Change], None], refused: Refused) -> None:
    edit(lambda manifest: manifest["files"]["cross_kv.onnx"].update(size=2**31))
    assert "cross_kv.onnx has 2147483648 bytes, expected at most 2147483647" in refused(25)


def test_rule_26_a_source_that_was_changed(copy: Path, refused: Refused) -> None:
    content = bytearray((copy / "cross_kv.onnx").read_bytes())
    content[-1] ^= 1
    (copy / "cross_kv.onnx").write_bytes(content)
    assert "cross_kv.onnx has the digest" in refused(26)


@pytest.mark.parametrize("content", [b"", b"no model at all"])
def test_rule_27_a_source_that_is_no_model(content: bytes, put: Callable[[bytes], None], refused: Refused) -> None:
    put(content)
    assert "cross_kv.onnx:" in refused(27)


@pytest.mark.exporter
def test_rule_29_external_data_of_a_source(change: Callable[[Change], None], refused: Refused) -> None:
    def outside(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../secret")

    change(outside)
    assert "cross_kv.onnx: the external data of tensor" in refused(29)


@pytest.mark.exporter
def test_rule_31_a_compiled_engine_in_a_source(change: Callable[[Change], None], refused: Refused) -> None:
    change(lambda model: model.graph.node.add(op_type="EPContext", domain="com.microsoft"))
    assert "cross_kv.onnx: holds the operator 'com.microsoft:EPContext'" in refused(31)


@pytest.mark.exporter
def test_rule_32_a_source_of_another_opset(change: Callable[[Change], None], refused: Refused) -> None:
    change(lambda model: setattr(model.opset_import[0], "version", 19))
    assert "cross_kv.onnx: has opset 19, expected the manifest's 20" in refused(32)


@pytest.mark.exporter
def test_rule_33_a_source_with_other_outputs(change: Callable[[Change], None], refused: Refused) -> None:
    change(lambda model: model.graph.output.pop())
    assert "cross_kv.onnx: the graph's outputs are" in refused(33)


@pytest.mark.exporter
def test_rule_35_a_source_of_another_width(change: Callable[[Change], None], refused: Refused) -> None:
    def wider(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 17

    change(wider)
    assert "the axis hidden of 'encoder_hidden_states' is 17 in the graph, expected 16" in refused(35)


def test_null_for_a_source_is_none(tmp_path: Path) -> None:
    path = Path(shutil.copytree(GOLDEN.parent / "text-classification", tmp_path / "bundle"))
    manifest = json.loads((path / "manifest.json").read_bytes())
    manifest["artefacts"][0]["cross_kv_graph"] = None
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert bundle.read(path).manifest.artefacts[0].cross_kv_graph is None
