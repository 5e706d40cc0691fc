"""A bundle for CUDA holds an artefact for each kind of mask, both proven, with one copy of the weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.exporter.conftest import LONGEST, TinyBundle, TinyCheckpoint

from bert_export import right_padded
from bert_export.errors import GateError, OptionError
from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_export.passes.key_ranges import key_ranges
from bert_export.verify import padding_removal
from bert_runtime import bundle as bundles
from bert_runtime import load
from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine
from bert_runtime.manifest import TargetArtefacts
from bert_runtime.tasks import TASKS

NAMES = [task.name for task in TASKS if not task.is_autoregressive]
TASK = "text-classification"


def held(folder: Path) -> TargetArtefacts:
    return bundles.read(folder).manifest.by_target["cuda"]


@pytest.mark.parametrize("task", NAMES)
def test_both_artefacts_are_proven_over_the_masks_that_they_answer(task: str, tiny_bundle: TinyBundle) -> None:
    report = tiny_bundle(task, False)
    *_, any_mask, right = report.artefacts
    assert any_mask.parity is not None
    assert right.parity is not None
    assert (any_mask.parity.mask, right.parity.mask) == ("any", "right_padded")
    assert any_mask.fusions == right.fusions
    for parity in (any_mask.parity, right.parity):
        names = [check.name for check in parity.checks]
        assert (names[0], names[-1]) == ("real texts", f"length {LONGEST}")


@pytest.mark.parametrize("task", NAMES)
def test_both_read_the_same_weights(task: str, tiny_bundle: TinyBundle) -> None:
    folder = tiny_bundle(task, False).bundle
    found = held(folder)
    assert found.right_padded is not None
    assert found.artefact.data == found.right_padded.data == ("model.cuda.onnx.data",)
    assert (found.artefact.mask, found.artefact.file) == ("any", "model.cuda.onnx")
    assert (found.right_padded.mask, found.right_padded.file) == ("right_padded", "model.cuda.right_padded.onnx")
    graphs = sum((folder / each.file).stat().st_size for each in (found.artefact, found.right_padded))
    assert graphs < (folder / "model.cuda.onnx.data").stat().st_size  # of a tiny model: a graph has 15 kB


def test_they_agree_where_both_are_right(tiny_bundle: TinyBundle) -> None:
    folder = tiny_bundle(TASK, False).bundle
    found = held(folder)
    assert found.right_padded is not None
    mask = (np.arange(9) < np.array([[9], [4], [1]])).astype(np.int64)
    feeds = {"input_ids": np.full((3, 9), 7), "attention_mask": mask, "token_type_ids": np.zeros((3, 9), np.int64)}
    one, other = (
        OnnxRuntimeEngine(folder / each.file, 1).run(feeds, ["logits"])["logits"]
        for each in (found.artefact, found.right_padded)
    )
    np.testing.assert_allclose(one, other, atol=2e-3)


@pytest.mark.parametrize("masks", ["any", "right_padded"])
def test_one_alone_is_one_file(masks: str, tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    model = str(tiny_checkpoint(TASK, {}))
    report = export(ExportOptions(model=model, targets=("cuda",), masks=masks, output=tmp_path / "b"))
    found = held(report.bundle)
    assert (found.artefact.mask, found.artefact.file, found.artefact.data) == (masks, "model.onnx", ())
    assert [artefact.parity.mask for artefact in report.artefacts if artefact.parity] == [masks]
    assert not list(report.bundle.glob("*.data"))


def test_a_decoder_has_the_artefact_for_any_mask(tiny_bundle: TinyBundle) -> None:
    found = held(tiny_bundle("text-generation", False).bundle)
    assert (found.artefact.mask, found.right_padded) == ("any", None)


def test_a_decoder_has_no_other(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    model = str(tiny_checkpoint("text-generation", {}))
    with pytest.raises(OptionError, match="text-generation, whose prompts are padded on the left"):
        export(ExportOptions(model=model, targets=("cuda",), masks="right_padded", output=tmp_path / "b"))


def test_an_artefact_that_keeps_the_raw_mask_is_no_bundle(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(right_padded, "key_lengths", lambda model: 1)
    with pytest.raises(GateError, match="1 attentions take the lengths of right-padded rows, expected 2"):
        export(ExportOptions(model=str(tiny_checkpoint(TASK, {})), targets=("cuda",), output=tmp_path / "b"))
    assert not list(tmp_path.iterdir())


def test_a_graph_that_answers_right_padded_masks_wrongly_is_no_bundle(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_one_token(model: Any) -> int:
        count = key_ranges(model)
        (sums,) = (node for node in model.graph if str(node.name).endswith("/lengths"))
        sums.op_type = "ReduceMax"
        return count

    monkeypatch.setattr(right_padded, "key_ranges", of_one_token)
    with pytest.raises(GateError, match=r"the cuda artefact \(fp32, right_padded masks\) does not answer as torch"):
        export(ExportOptions(model=str(tiny_checkpoint(TASK, {})), targets=("cuda",), output=tmp_path / "b"))


def test_the_same_export_twice_gives_the_same_bytes(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    for name in ("one", "two"):
        model = str(tiny_checkpoint(TASK, {}))
        export(ExportOptions(model=model, targets=("cuda:fp16",), output=tmp_path / name))
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two


def test_the_report_names_the_masks(tiny_bundle: TinyBundle) -> None:
    manifest = json.loads((tiny_bundle(TASK, False).bundle / "manifest.json").read_bytes())
    told = [each["parity"]["mask"] for each in manifest["verification"]["artefacts"]]
    assert told == ["any", "any", "any", "right_padded"]


def test_packing_is_proven_beside_an_artefact_that_any_machine_runs(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    model = str(tiny_checkpoint(TASK, {}))
    report = export(ExportOptions(model=model, targets=("cuda:fp16",), remove_padding=True, output=tmp_path / "b"))
    any_mask, packed = report.artefacts
    assert {"RemovePadding": 1, "PackedAttention": 1, "RestorePadding": 1}.items() <= packed.fusions.items()
    assert not any("Pad" in name or "Packed" in name for name in any_mask.fusions)
    assert packed.parity is not None
    assert (packed.parity.mask, packed.parity.checks[-1].cases) == ("right_padded", 5)
    found = held(report.bundle)
    assert found.right_padded is not None
    assert found.artefact.data == found.right_padded.data
    with pytest.warns(UserWarning, match="the bundle holds only cuda"):
        session = load(report.bundle)
    with session:
        assert session.artefact == found.artefact
        assert session({"text": "was"}).labels


def test_attention_that_mixes_rows_is_no_bundle(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_one_row(inputs: Any, attributes: Any) -> Any:
        return right([*inputs[:4], inputs[4][[0, -1]]], attributes)

    right = padding_removal.NUMPY["PackedAttention"]
    monkeypatch.setattr(padding_removal, "NUMPY", {**padding_removal.NUMPY, "PackedAttention": as_one_row})
    options = ExportOptions(
        str(tiny_checkpoint(TASK, {})), targets=("cuda",), remove_padding=True, output=tmp_path / "b"
    )
    with pytest.raises(GateError, match=r"right_padded masks\) does not answer .*batch 4, length 33") as error:
        export(options)
    assert "batch 1" not in str(error.value)
