"""The graph for texts that share a row is held to every rule that the artefact's own graph is held to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bert_runtime import bundle
from bert_runtime.errors import BundleError

GOLDEN = Path(__file__).parents[2] / "golden" / "v1"
NAME = "model.sequence_packing.onnx"
Change = Callable[[Any], object]
Refused = Callable[[int, Change], str]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the golden bundle."""
    return Path(shutil.copytree(GOLDEN / "text-classification-sequence-packing", tmp_path / "bundle"))


@pytest.fixture
def refused(copy: Path, rules: Mapping[int, tuple[str, ...]]) -> Refused:
    """The error of the copy after a change of its manifest, which holds the words of a rule of BUNDLE.md."""

    def reading(rule: int, change: Change) -> str:
        manifest = json.loads((copy / "manifest.json").read_bytes())
        change(manifest)
        (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        with pytest.raises(BundleError) as error:
            bundle.read(copy)
        assert any(words in str(error.value) for words in rules[rule]), str(error.value)
        return str(error.value)

    return reading


def second(manifest: Any) -> Any:
    return manifest["artefacts"][0]["sequence_packing"]


def test_the_golden_bundle_has_such_a_graph(copy: Path) -> None:
    (artefact,) = bundle.read(copy).manifest.artefacts
    assert artefact.sequence_packing is not None
    assert artefact.files == ("model.onnx", "model.onnx.data", NAME)


def test_rule_12_another_key(refused: Refused) -> None:
    assert "artefacts[0].sequence_packing" in refused(12, lambda manifest: second(manifest).update(mask="any"))


def test_rule_16_a_file_that_is_not_listed(refused: Refused) -> None:
    message = refused(16, lambda manifest: manifest["files"].pop(NAME))
    assert f"artefacts[0].sequence_packing.file names '{NAME}', which is not listed under files" in message


def test_rule_18_a_tensor_twice(refused: Refused) -> None:
    message = refused(18, lambda manifest: second(manifest)["inputs"].append(second(manifest)["inputs"][0]))
    assert "artefacts[0].sequence_packing: two tensors are named 'input_ids', expected one" in message


@pytest.mark.parametrize("key", ["inputs", "outputs"])
def test_rule_20_other_tensors(key: str, refused: Refused) -> None:
    message = refused(20, lambda manifest: second(manifest)[key].pop())
    assert f"artefacts[0].sequence_packing.{key} are" in message


def test_rule_20_a_graph_that_is_plain(refused: Refused) -> None:
    message = refused(20, lambda manifest: manifest["artefacts"][0].update(plain=True))
    assert (
        "artefacts[0].sequence_packing is given, expected none: texts of text-classification (plain) share no"
        in message
    )


@pytest.mark.parametrize("task", ["multiple-choice", "pretraining", "text-generation"])
def test_rule_20_a_task_whose_texts_share_no_row(task: str, refused: Refused) -> None:
    message = refused(20, lambda manifest: manifest.update(task=task))
    assert f"artefacts[0].sequence_packing is given, expected none: texts of {task} share no row" in message


def test_rule_23_the_size_of_an_axis_that_changes(refused: Refused) -> None:
    message = refused(23, lambda manifest: manifest["sizes"].update(texts=4))
    assert "sizes.texts is given, expected no size for an axis that changes with the request" in message


def test_rule_24_without_the_file(copy: Path, refused: Refused) -> None:
    (copy / NAME).unlink()
    assert f"{NAME} is missing" in refused(24, lambda manifest: None)


def test_rule_33_a_graph_that_has_other_inputs(copy: Path, refused: Refused) -> None:
    message = refused(33, lambda manifest: second(manifest).update(file="model.onnx"))
    assert "model.onnx: the graph's inputs are attention_mask, input_ids, token_type_ids, expected the man" in message


def test_null_is_none(tmp_path: Path) -> None:
    path = Path(shutil.copytree(GOLDEN / "text-classification", tmp_path / "bundle"))
    manifest = json.loads((path / "manifest.json").read_bytes())
    manifest["artefacts"][0]["sequence_packing"] = None
    (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert bundle.read(path).manifest.artefacts[0].sequence_packing is None
