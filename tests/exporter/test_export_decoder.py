"""The bundle of a decoder goes on with a text as transformers' `generate` does, token for token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import transformers
from tests.exporter.conftest import LONGEST, TARGET_FLAGS, TinyBundle, TinyCheckpoint

import bert_runtime
from bert_export.errors import CheckpointError
from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_export.passes.fusion_gate import RESIDUAL
from bert_runtime.generation.session import GenerationSession
from bert_runtime.tasks.text_generation import TEXT_GENERATION

TASK = TEXT_GENERATION.name
PROMPTS = ("the movie was", "a book of the song is on the board", "x", "it was a song, a long and sad one: the wall")


@pytest.fixture(params=["cpu", "portable"])
def session(request: pytest.FixtureRequest, tiny_bundle: TinyBundle) -> Iterator[GenerationSession]:
    options = bert_runtime.Options(request.param)
    with bert_runtime.load(tiny_bundle(TASK, False).bundle, TEXT_GENERATION, options=options) as loaded:
        yield loaded


def greedy(checkpoint: Path, ids: list[int], new_tokens: int) -> list[int]:
    """The tokens that transformers adds to one prompt."""
    model = transformers.BertLMHeadModel.from_pretrained(checkpoint).train(False)
    made = model.generate(
        torch.tensor([ids]), max_new_tokens=new_tokens, do_sample=False, eos_token_id=3, pad_token_id=0
    )
    found: list[int] = made[0, len(ids) :].tolist()
    return found


def test_a_bundle_goes_on_as_generate_does(session: GenerationSession, tiny_checkpoint: TinyCheckpoint) -> None:
    records = [{"prompt": prompt, "max_new_tokens": 20} for prompt in PROMPTS]
    for prompt, answer in zip(PROMPTS, session.predict(records), strict=True):
        ids = [2, *session.text.pieces(prompt).ids.tolist()]
        assert list(answer.sequences[0].token_ids) == greedy(tiny_checkpoint(TASK, {}), ids, 20)


def test_every_fusion_and_check_is_in_the_report(tiny_bundle: TinyBundle) -> None:
    report = tiny_bundle(TASK, False)
    manifest = json.loads((report.bundle / "manifest.json").read_bytes())
    cpu, portable, cuda = report.artefacts
    fused = {"BiasGelu": 3, "MultiHeadAttention": 2}
    assert cpu.fusions == {**fused, RESIDUAL["cpu"]: 4}
    assert cuda.fusions == {**fused, RESIDUAL["cuda"]: 4}
    assert portable.fusions == {}
    assert manifest["sizes"] == {"heads": 4, "layers": 2, "size": 8, "vocabulary": len(vocabulary(report.bundle))}
    for artefact in report.artefacts:
        names = [check.name for check in artefact.checks]
        ways = ("at once", "with a cache")
        assert names == ["real texts", *(f"length {n}, {way}" for n in (2, 7, 33, 128, LONGEST) for way in ways)]
        assert all(check.max_difference > 0 for check in artefact.checks)
        assert artefact is cuda or all(check.max_difference <= 1e-4 for check in artefact.checks)
        assert artefact.checks[0].same_answers == len(TEXT_GENERATION.examples)


def vocabulary(bundle: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads((bundle / "tokenizer.json").read_bytes())["model"]["vocab"]
    return found


def test_a_plain_bundle_gives_logits_of_every_position(tiny_bundle: TinyBundle) -> None:
    with bert_runtime.load(tiny_bundle(TASK, True).bundle) as plain:
        assert plain.artefact.outputs[0].axes == ("batch", "sequence", "vocabulary")
        found = plain({"prompt": PROMPTS[0], "max_new_tokens": 12})
    with bert_runtime.load(tiny_bundle(TASK, False).bundle) as session:
        assert session.artefact.outputs[0].axes == ("batch", "vocabulary")
        assert session({"prompt": PROMPTS[0], "max_new_tokens": 12}) == found


def test_tied_weights_are_stored_once(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint(TASK, {"vocab_size": 30522, "hidden_size": 64})
    report = export(ExportOptions(model=str(checkpoint), output=tmp_path / "b"))
    model = transformers.BertLMHeadModel.from_pretrained(checkpoint)
    parameters = sum(weight.numel() for weight in model.parameters())
    assert (report.bundle / "model.onnx").stat().st_size <= 1.02 * 4 * parameters


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(
    tiny_bundle: TinyBundle, tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    mine, theirs = tiny_bundle(TASK, False).bundle, tmp_path / "other"
    arguments = ["--model", str(tiny_checkpoint(TASK, {})), "--output", str(theirs)]
    command = [sys.executable, "-m", "bert_export.cli", *arguments, *TARGET_FLAGS]
    # Threads as in this process: torch sums in another order with more, and the report tells the last digit.
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": str(torch.get_num_threads())}
    subprocess.run(command, check=True, env=environment, cwd=tmp_path, capture_output=True)
    assert {p.name: p.read_bytes() for p in theirs.iterdir()} == {p.name: p.read_bytes() for p in mine.iterdir()}


def test_an_encoder_is_refused(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("fill-mask", {})
    with pytest.raises(CheckpointError, match="does not say is_decoder, expected true for text-generation"):
        export(ExportOptions(model=str(checkpoint), task="lm", output=tmp_path / "b"))
    assert list(tmp_path.iterdir()) == []
