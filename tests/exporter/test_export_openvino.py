"""An export for OpenVINO: the gate runs the engine itself, in fp32 and in bf16, for every head."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.exporter.conftest import TinyCheckpoint, fast_for

import bert_runtime
from bert_export.cli import main
from bert_export.errors import GateError
from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_export.tolerances import TOLERANCES
from bert_runtime.tasks import TASKS

QUICK = ("question-answering", "multiple-choice", "text-generation")
"""Heads of each kind of input; the others take minutes together."""


@pytest.mark.parametrize("task", fast_for([task.name for task in TASKS], *QUICK))
def test_every_head_passes_the_gate_in_fp32(task: str, tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    model = str(tiny_checkpoint(task, {}))
    report = export(ExportOptions(model=model, task=task, output=tmp_path / "b", targets=("openvino",)))
    (artefact,) = report.artefacts

    assert artefact.parity is not None
    assert (artefact.parity.target, artefact.parity.precision) == ("openvino", "fp32")
    assert all(0 < check.max_difference <= 1e-4 for check in artefact.checks)
    assert artefact.checks[0].same_answers == artefact.checks[0].cases > 5
    assert " CPU f32 runs " in artefact.kernels
    assert artefact.kernels.endswith(" of 2 attentions as one kernel")


@pytest.mark.parametrize(
    "task",
    ["text-classification", *(pytest.param(task, marks=pytest.mark.slow) for task in QUICK)],
)
def test_bf16_is_the_graph_of_fp32_in_another_arithmetic(
    task: str, tiny_checkpoint: TinyCheckpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, folders = str(tiny_checkpoint(task, {})), {}
    for precision in ("fp32", "bf16"):
        folders[precision] = tmp_path / precision
        flags = ["--target", "openvino", *(["--bf16"] if precision == "bf16" else []), "--json"]
        assert main(["--model", model, "--task", task, "-o", str(folders[precision]), *flags]) == 0
    report = json.loads(capsys.readouterr().out.rpartition("\n{\n")[2].join(("{\n", "")))
    manifest = json.loads((folders["bf16"] / "manifest.json").read_bytes())
    differences = [check["max_difference"] for check in report["artefacts"][0]["parity"]["checks"]]

    assert (folders["fp32"] / "model.onnx").read_bytes() == (folders["bf16"] / "model.onnx").read_bytes()
    assert [(each["target"], each["precision"]) for each in manifest["artefacts"]] == [("openvino", "bf16")]
    with bert_runtime.load(folders["bf16"]) as session:
        if not session.engine.name.endswith(" bf16"):
            pytest.skip("this CPU has no bf16")
    assert all(difference > 1e-3 for difference in differences)


def test_a_checkpoint_beyond_the_digits_of_bf16_is_refused(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TOLERANCES, "bf16", TOLERANCES["fp32"])
    model = str(tiny_checkpoint("text-classification", {}))
    with pytest.raises(GateError, match=r"openvino artefact \(bf16\) .* needs more digits than bf16 has"):
        export(ExportOptions(model=model, output=tmp_path / "b", bf16=True))
    assert not (tmp_path / "b").exists()


def test_a_token_of_a_type_that_the_model_lacks_is_no_answer(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    model = str(tiny_checkpoint("text-classification", {"type_vocab_size": 1}))
    report = export(ExportOptions(model=model, output=tmp_path / "b", targets=("openvino",)))
    ids = np.full((1, 4), 7)
    with (
        bert_runtime.load(report.bundle) as session,
        pytest.raises(bert_runtime.BackendError, match="token_type_ids holds 1, expected 0 to 0"),
    ):
        session.run({"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.ones_like(ids)})
