"""An artefact for OpenVINO comes with a graph for sequence packing, in every precision, or the export fails."""

from __future__ import annotations

import json
from pathlib import Path

import onnx_ir as ir
import pytest
from tests.exporter.conftest import TinyCheckpoint

import bert_runtime
from bert_export.errors import GateError
from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_export.passes import pack_sequences
from bert_export.progress import Stages
from bert_export.requantize import requantize
from bert_runtime import bundle as bundles
from bert_runtime.tasks.task import Reads
from bert_runtime.tasks.tensors import SequencePacking

NAME = "model.sequence_packing.onnx"
Options = bert_runtime.Options


@pytest.fixture
def sharing(tiny_checkpoint: TinyCheckpoint) -> Path:
    return tiny_checkpoint("text-classification", {})


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_both_graphs_read_the_same_weights(precision: str, sharing: Path, tmp_path: Path) -> None:
    report = export(ExportOptions(model=str(sharing), output=tmp_path / "b", targets=(f"openvino:{precision}",)))
    (artefact,) = bundles.read(report.bundle).manifest.artefacts
    (told,) = report.artefacts
    assert artefact.sequence_packing is not None
    assert artefact.precision == precision
    assert (artefact.file, artefact.sequence_packing.file) == ("model.onnx", NAME)
    assert artefact.data == artefact.sequence_packing.data == ("model.onnx.data",)
    assert told.sequence_packing is not None
    assert told.sequence_packing.max_difference <= told.sequence_packing.tolerance
    assert told.sequence_packing.rows < told.sequence_packing.texts / 3
    manifest = json.loads((report.bundle / "manifest.json").read_bytes())
    assert manifest["verification"]["artefacts"][0]["sequence_packing"]["texts"] == told.sequence_packing.texts


@pytest.mark.parametrize(("target", "plain"), [("cpu", False), ("openvino", True)])
def test_other_artefacts_have_none(target: str, plain: bool, sharing: Path, tmp_path: Path) -> None:
    report = export(ExportOptions(model=str(sharing), output=tmp_path / "b", targets=(target,), plain=plain))
    (artefact,) = bundles.read(report.bundle).manifest.artefacts
    assert (artefact.sequence_packing, report.artefacts[0].sequence_packing) == (None, None)
    assert "sequence_packing" not in (report.bundle / "manifest.json").read_text()


def test_int8_of_a_bundle_has_a_graph_of_its_own(sharing: Path, tmp_path: Path) -> None:
    base = export(ExportOptions(model=str(sharing), output=tmp_path / "fp32", targets=("openvino",))).bundle
    options = ExportOptions(bundle=base, output=tmp_path / "int8", targets=("openvino",), int8=True)
    report = requantize(options, Stages()).bundle
    (artefact,) = bundles.read(report).manifest.artefacts
    assert artefact.sequence_packing is not None
    assert artefact.precision == "int8"
    assert (report / NAME).read_bytes() != (base / NAME).read_bytes()
    texts = [{"text": "the movie was " * n} for n in range(1, 30)]
    answers = {}
    for mode in ("latency", "throughput"):
        with bert_runtime.load(report, options=Options("openvino", threads=1, mode=mode)) as session:
            answers[mode] = [answer.labels[0].score for answer in session.predict(texts)]
    assert answers["throughput"] == pytest.approx(answers["latency"], abs=0.05)


def test_a_graph_that_mixes_texts_is_no_bundle(sharing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    right = pack_sequences.pack_sequences

    def mixing(model: ir.Model, tensors: SequencePacking, reads: Reads) -> int:
        apart = right(model, tensors, reads)
        same = next(node for node in model.graph if node.name == "sequence_packing/same_text")
        same.replace_input_with(1, same.inputs[0])
        return apart

    monkeypatch.setattr(pack_sequences, "pack_sequences", mixing)
    with pytest.raises(GateError, match=r"logits of a text that shares its row differs by .*\(openvino fp32\)"):
        export(ExportOptions(model=str(sharing), output=tmp_path / "b", targets=("openvino",)))
    assert not (tmp_path / "b").exists()


def test_an_attention_that_was_not_found_is_no_bundle(
    sharing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = pack_sequences.pack_sequences
    monkeypatch.setattr(pack_sequences, "pack_sequences", lambda *arguments: right(*arguments) - 1)
    with pytest.raises(GateError, match="1 of 2 attentions keep texts apart that share a row, expected all"):
        export(ExportOptions(model=str(sharing), output=tmp_path / "b", targets=("openvino",)))
