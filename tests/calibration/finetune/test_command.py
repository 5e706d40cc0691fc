"""The command: a checkpoint in, a checkpoint with learned ranges out, and these as a file for its bundle."""

from __future__ import annotations

import json
from pathlib import Path

import onnx_ir as ir
import pytest
import torch
from transformers import BertConfig, BertForQuestionAnswering

from bert_calibration import ranges_file
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.finetune.__main__ import LEARNED_FILE, main
from bert_calibration.products import find_points
from bert_runtime import bundle

GOLDEN = Path(__file__).parents[2] / "golden" / "v1" / "question-answering"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint of the golden bundle's shape and tokenizer."""
    folder = tmp_path / "checkpoint"
    settings = json.loads((GOLDEN / "config.json").read_text(encoding="utf-8"))
    torch.manual_seed(0)
    BertForQuestionAnswering(BertConfig.from_dict(settings)).save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((GOLDEN / "tokenizer.json").read_bytes())
    return folder


def test_a_checkpoint_is_tuned_and_its_ranges_fit_its_graph(checkpoint: Path, tmp_path: Path) -> None:
    samples = tmp_path / "samples.jsonl"
    lines = [{"question": "the film", "context": "a good film " * n, "doc_stride": 2} for n in range(1, 6)]
    samples.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    tuned, output = tmp_path / "tuned", tmp_path / "ranges.json"
    command = ["tune", str(checkpoint), "--task", "qa", "--samples", str(samples), "--epochs", "3", "-o", str(tuned)]

    assert main(command) == 0
    assert (tuned / "tokenizer.json").read_bytes() == (checkpoint / "tokenizer.json").read_bytes()
    before, after = (BertForQuestionAnswering.from_pretrained(folder) for folder in (checkpoint, tuned))
    assert set(before.state_dict()) == set(after.state_dict())
    assert not torch.equal(before.qa_outputs.weight, after.qa_outputs.weight)
    # The golden bundle stands for the export of the tuned checkpoint: it has the same activations.
    assert main(["ranges", str(tuned), str(GOLDEN), "-o", str(output)]) == 0
    baseline = BaselineArtefact.of(bundle.read(GOLDEN), "cpu")
    points = find_points(ir.load(baseline.path))
    ranges_file.check_belongs(ranges_file.load(output), ranges_file.digest(baseline.path), points)


def test_wrong_input_is_told_in_words(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("", encoding="utf-8")

    assert main(["tune", str(checkpoint), "--task", "qa", "--samples", str(empty), "-o", str(tmp_path / "x")]) == 2
    assert "empty.jsonl: is empty, expected one JSON object a line" in capsys.readouterr().err
    assert main(["tune", str(tmp_path), "--task", "qa", "--samples", str(empty), "-o", str(tmp_path / "x")]) == 2
    assert "expected a checkpoint's directory with config.json and tokenizer.json" in capsys.readouterr().err
    assert main(["ranges", str(checkpoint), str(GOLDEN), "-o", str(tmp_path / "r.json")]) == 2
    assert f"{LEARNED_FILE} does not exist; give the directory that `tune` wrote" in capsys.readouterr().err
