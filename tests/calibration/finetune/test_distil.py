"""A pruned network learns from the whole one, and what was removed stays removed."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForQuestionAnswering

from bert_calibration.errors import CalibrationError
from bert_calibration.finetune.__main__ import main
from bert_calibration.finetune.distil import DistilSettings, distil, loss_of, masks_of
from bert_calibration.finetune.trainer import Batch

GOLDEN = Path(__file__).parents[2] / "golden" / "v1" / "question-answering"


def whole() -> BertForQuestionAnswering:
    torch.manual_seed(0)
    settings = json.loads((GOLDEN / "config.json").read_text(encoding="utf-8"))
    model = BertForQuestionAnswering(BertConfig.from_dict({**settings, "initializer_range": 0.3}))
    model.eval()  # type: ignore[no-untyped-call]
    return model


def pruned(model: BertForQuestionAnswering) -> BertForQuestionAnswering:
    """Half of the neurons and one head of each layer removed."""
    student, config = copy.deepcopy(model), model.config
    size = config.hidden_size // config.num_attention_heads
    with torch.no_grad():
        for name, parameter in student.named_parameters():
            if name.endswith(".attention.output.dense.weight"):
                parameter[:, :size] = 0
            elif name.endswith(".output.dense.weight"):
                parameter[:, : config.intermediate_size // 2] = 0
    return student


def texts() -> list[Batch]:
    random = np.random.default_rng(1)
    ids = torch.from_numpy(random.integers(5, 30, (4, 12)))
    mask = torch.ones_like(ids)
    mask[2:, 8:] = 0
    return [{"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}]


def test_the_student_comes_nearer_and_zeros_stay_zeros() -> None:
    teacher = whole()
    student = pruned(teacher)
    before = [mask.clone() for mask in masks_of(student).values()]
    done = distil(student, teacher, texts(), DistilSettings(minutes=0.1, learning_rate=3e-3))
    assert done.steps > 10
    assert done.after < 0.5 * done.before
    for mask, now in zip(before, masks_of(student).values(), strict=True):
        assert torch.equal(mask, now)


def test_padding_teaches_nothing() -> None:
    teacher = whole()
    batch = dict(texts()[0])
    other = {**batch, "input_ids": batch["input_ids"].clone()}
    other["input_ids"][2:, 8:] = 7
    student = pruned(teacher)
    losses = [float(loss_of(student, teacher, each, DistilSettings()).detach()) for each in (batch, other)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_network_that_lacks_nothing_is_refused() -> None:
    with pytest.raises(CalibrationError, match="no head and no neuron that was removed"):
        distil(whole(), whole(), texts(), DistilSettings())


def test_no_text_is_refused() -> None:
    with pytest.raises(CalibrationError, match="no text to learn from"):
        distil(pruned(whole()), whole(), [], DistilSettings())


@pytest.mark.parametrize("verb", ["distill", "--distill"])
def test_the_command_writes_a_checkpoint(verb: str, tmp_path: Path) -> None:
    teacher, folder = whole(), tmp_path / "pruned"
    pruned(teacher).save_pretrained(folder)
    teacher.save_pretrained(folder / "whole")
    for place in (folder, folder / "whole"):
        (place / "tokenizer.json").write_bytes((GOLDEN / "tokenizer.json").read_bytes())
    samples = tmp_path / "samples.jsonl"
    lines = [{"question": "the film", "context": "a good film " * n, "doc_stride": 2} for n in range(1, 6)]
    samples.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    given = [str(folder), "--task", "qa", "--samples", str(samples), "--minutes", "0.01", "-o", str(tmp_path / "out")]
    assert main([verb, *given]) == 0
    made = BertForQuestionAnswering.from_pretrained(tmp_path / "out")
    assert not torch.equal(made.qa_outputs.weight, teacher.qa_outputs.weight)
    assert (tmp_path / "out" / "tokenizer.json").is_file()
    assert masks_of(made)
