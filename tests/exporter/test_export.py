"""An export is a bundle that answers as torch does, says what was proven, and is the same every time."""

from __future__ import annotations

import dataclasses
import getpass
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from tests.exporter.conftest import LONGEST, TARGET_FLAGS, TinyBundle, TinyCheckpoint, fast_for
from tests.exporter.exports import contents, options

import bert_runtime
from bert_export import artefact_builder as builder_module
from bert_export.errors import CheckpointError, OptionError
from bert_export.exporting import export
from bert_export.passes.fusion_gate import RESIDUAL
from bert_export.report import ExportReport
from bert_export.verify.answers import same_answer
from bert_runtime.schedule import split
from bert_runtime.tasks import TASKS, find_task
from bert_runtime.tasks.task import Features, Task
from bert_runtime.tasks.tensors import TensorSpec

# Tasks that go from token to token have test_export_decoder.py.
NAMES = [task.name for task in TASKS if not task.is_autoregressive]
# float32 sums in another order: logits of the order of ten, over 2 layers of width 32.
TOLERANCE = 5e-5
ALL_TOKENS = {"Attention": 2, "BiasGelu": 2, "EmbedLayerNormalization": 1}
FIRST_TOKEN = {**ALL_TOKENS, "Attention": 1, "MultiHeadAttention": 1}
MASKED_POSITIONS = {**FIRST_TOKEN, "BiasGelu": 3}
FUSIONS = {
    "pretraining": MASKED_POSITIONS,
    "fill-mask": MASKED_POSITIONS,
    "next-sentence-prediction": FIRST_TOKEN,
    "text-classification": FIRST_TOKEN,
    "multiple-choice": FIRST_TOKEN,
    "token-classification": ALL_TOKENS,
    "question-answering": ALL_TOKENS,
    "feature-extraction": ALL_TOKENS,
}


def answers_of_torch(checkpoint: Path, session: Any, requests: list[Mapping[str, Any]]) -> list[Any]:
    """What the head decodes from the logits of the checkpoint's class in transformers."""
    task: Task[Any, Any, Any] = session.task
    model = getattr(transformers, task.model_class).from_pretrained(checkpoint).eval()
    head = task.head(session.text, session.record.settings)
    answers = []
    for record in requests:
        request = task.request.from_record(record)
        encoded = head.encode(request)
        rows = [logits(model, row, task.graph_outputs(plain=True)) for row in encoded.features]
        answers.append(head.decode(request, encoded, rows))
    return answers


def logits(model: Any, row: Features, specs: tuple[TensorSpec, ...]) -> dict[str, Any]:
    """One row alone, unpadded, with the outputs of the class in transformers."""
    names = {"input_ids": row.ids, "attention_mask": row.mask, "token_type_ids": row.type_ids}
    with torch.no_grad():
        output = model(**{name: torch.from_numpy(array)[None] for name, array in names.items()})
    return split({spec.name: getattr(output, spec.name).numpy() for spec in specs}, [row], specs)[0]


def answerable(session: Any) -> list[Mapping[str, Any]]:
    """The task's examples; every one of them, since the tiny vocabulary holds the words that they name."""
    assert len(session.task.examples) > 5
    return list(session.task.examples)


@pytest.mark.parametrize("target", ["cpu", "portable"])
@pytest.mark.parametrize("task", NAMES)
def test_a_bundle_answers_as_torch_does(
    task: str, target: str, tiny_bundle: TinyBundle, tiny_checkpoint: TinyCheckpoint
) -> None:
    with bert_runtime.load(tiny_bundle(task, False).bundle, options=bert_runtime.Options(target)) as session:
        requests = answerable(session)
        expected = answers_of_torch(tiny_checkpoint(task, {}), session, requests)
        for one, other in zip(expected, session.predict(requests), strict=True):
            assert same_answer(one, other, TOLERANCE)


@pytest.mark.parametrize("task", fast_for(["fill-mask", "feature-extraction", "next-sentence-prediction"], "fill-mask"))
def test_a_plain_bundle_answers_as_torch_does(
    task: str, tiny_bundle: TinyBundle, tiny_checkpoint: TinyCheckpoint
) -> None:
    with bert_runtime.load(tiny_bundle(task, True).bundle) as session:
        assert session.artefact.plain
        assert [spec.name for spec in session.artefact.inputs] == ["input_ids", "attention_mask", "token_type_ids"]
        requests = answerable(session)
        expected = answers_of_torch(tiny_checkpoint(task, {}), session, requests)
        for one, other in zip(expected, session.predict(requests), strict=True):
            assert same_answer(one, other, TOLERANCE)


@pytest.mark.parametrize("task", NAMES)
def test_every_fusion_of_the_head_is_there(task: str, tiny_bundle: TinyBundle) -> None:
    cpu, portable, cuda, right_padded = tiny_bundle(task, False).artefacts

    assert cpu.fusions == {**FUSIONS[task], RESIDUAL["cpu"]: 4}
    assert cuda.fusions == right_padded.fusions == {**FUSIONS[task], RESIDUAL["cuda"]: 4}
    assert portable.fusions == {}


@pytest.mark.parametrize("task", NAMES)
def test_the_report_is_in_the_manifest(task: str, tiny_bundle: TinyBundle) -> None:
    report = tiny_bundle(task, False)
    manifest = json.loads((report.bundle / "manifest.json").read_bytes())
    parities = [artefact["parity"] for artefact in manifest["verification"]["artefacts"]]

    assert [parity["target"] for parity in parities] == ["cpu", "portable", "cuda", "cuda"]
    for parity in parities:
        assert [check["name"] for check in parity["checks"]] == [
            "real texts",
            *(f"length {length}" for length in (2, 7, 33, 128, LONGEST)),
        ]
        assert parity["checks"][0]["same_answers"] == len(find_task(task).examples)
        assert all(check["max_difference"] > 0 for check in parity["checks"])
    for parity in parities[:2]:
        assert parity["tolerance"] == {"absolute": 1e-4, "relative": 0.0, "others": 0.0}
        assert all(check["max_difference"] <= 1e-4 for check in parity["checks"])
    told = json.loads(json.dumps(report.to_json()))["artefacts"]
    for elsewhere in (
        "int8",
        "profile",
        "sequence_packing",
    ):  # told under quality, in a file of its own, and of no graph here
        assert [artefact.pop(elsewhere) for artefact in told] == [None] * len(parities)
    assert manifest["verification"]["artefacts"] == told
    assert manifest["quality"] is None


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"problem_type": "multi_label_classification"}, "MultiLabelResult"),
        ({"problem_type": "regression", "id2label": {"0": "stars"}}, "RegressionResult"),
    ],
)
def test_other_kinds_of_classification_answer_as_torch_does(
    changes: Mapping[str, Any], kind: str, tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    checkpoint = tiny_checkpoint("text-classification", changes)
    report = export(options(checkpoint, tmp_path / "b"))
    with bert_runtime.load(report.bundle) as session:
        requests = answerable(session)
        assert any("text_pair" in request for request in requests)
        for one, other in zip(answers_of_torch(checkpoint, session, requests), session.predict(requests), strict=True):
            assert type(other).__name__ == kind
            assert same_answer(one, other, TOLERANCE)


@pytest.mark.parametrize("activation", [None, "none"])
def test_a_cross_encoder_answers_as_transformers_pipeline_does(
    activation: str | None, tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    checkpoint = tiny_checkpoint("text-classification", {"id2label": {"0": "relevance"}, "problem_type": None})
    report = export(options(checkpoint, tmp_path / "b", activation=activation))
    pipe: Any = transformers.pipeline("text-classification", model=str(checkpoint), device="cpu")
    pairs = [("is it good", "it is good"), ("good", "bad movie")]
    with bert_runtime.load(report.bundle) as session:
        for text, pair in pairs:
            expected = pipe({"text": text, "text_pair": pair}, function_to_apply=activation)
            (label,) = session({"text": text, "text_pair": pair}).labels
            assert (label.label, label.score) == ("relevance", pytest.approx(expected["score"], abs=TOLERANCE))
            (other,) = session({"text": text, "text_pair": pair, "activation": "sigmoid"}).labels
            assert 0 < other.score < 1


def test_tied_weights_are_stored_once(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint("fill-mask", {"vocab_size": 30522, "hidden_size": 64})
    report = export(options(checkpoint, tmp_path / "b", task="fill-mask"))
    model = transformers.BertForMaskedLM.from_pretrained(checkpoint)
    parameters = sum(weight.numel() for weight in model.parameters())

    assert (report.bundle / "model.onnx").stat().st_size <= 1.02 * 4 * parameters


def test_two_processes_write_the_same_bytes(
    tiny_bundle: TinyBundle, tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    mine, theirs = tiny_bundle("question-answering", False).bundle, tmp_path / "elsewhere" / "other"
    arguments = ["--model", str(tiny_checkpoint("question-answering", {})), "--output", str(theirs)]
    command = [sys.executable, "-m", "bert_export.cli", *arguments, *TARGET_FLAGS]
    # As many threads as here: the report holds differences in the last digits, which depend on the order of sums.
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment, cwd=tmp_path, capture_output=True)

    assert contents(theirs) == contents(mine)


@pytest.mark.parametrize("plain", [False, True])
def test_nothing_in_a_bundle_names_the_machine(plain: bool, tiny_bundle: TinyBundle) -> None:
    report = tiny_bundle("fill-mask", plain)
    names = {getpass.getuser(), str(Path.home()), str(Path.cwd()), str(report.bundle.parent), "site-packages"}
    shown = [name.encode() for name in names if len(name) > 4 or "/" in name[1:]]
    for file, content in contents(report.bundle).items():
        assert not [name for name in shown if name in content], file
        assert b"/tmp/" not in content, file


def test_weights_beside_the_graph_answer_the_same(
    tiny_bundle: TinyBundle,
    tiny_checkpoint: TinyCheckpoint,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = tiny_bundle("question-answering", False).bundle
    monkeypatch.setattr(builder_module, "LARGEST_FILE", 1000)
    report = export(options(tiny_checkpoint("question-answering", {}), tmp_path / "b"))

    whole = bert_runtime.load(good, options=bert_runtime.Options("portable"))
    with bert_runtime.load(report.bundle) as session, whole:
        assert session.artefact.data == ("model.onnx.data",)
        for request in answerable(session):
            assert session(request) == whole(request)


def test_max_length_is_that_of_the_bundle(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    report = export(options(tiny_checkpoint("text-classification", {}), tmp_path / "b", max_length=12))

    with bert_runtime.load(report.bundle) as session:
        assert session.record.tokenizer.max_length == 12
        assert session({"text": "the movie " * 5}).truncated is False
        assert session({"text": "the movie " * 6}).truncated is True
    assert [check.name for check in report.artefacts[0].checks][1:] == ["length 2", "length 7", "length 12"]


def test_examples_that_a_short_model_cannot_be_asked_are_left_out(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    report = export(options(tiny_checkpoint("fill-mask", {}), tmp_path / "b", max_length=8))
    real_texts = report.artefacts[0].checks[0]

    assert 0 < real_texts.cases < len(find_task("fill-mask").examples)
    assert real_texts.same_answers == real_texts.cases


def test_a_model_with_one_token_type_is_asked_about_pairs_too(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    report = export(options(tiny_checkpoint("text-classification", {"type_vocab_size": 1}), tmp_path / "b"))

    assert report.artefacts[0].checks[0].cases == len(find_task("text-classification").examples)


def test_pooling_of_a_head_without_it_is_refused(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    wanted = options(tiny_checkpoint("question-answering", {}), tmp_path / "b", pooling="mean", normalize=True)
    wanted = dataclasses.replace(wanted, activation="none")
    with pytest.raises(OptionError, match="--pooling and --normalize and --activation mean nothing for question-an"):
        export(wanted)


def test_a_plain_bundle_of_a_model_without_a_pooler_is_refused(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    checkpoint = shutil.copytree(tiny_checkpoint("feature-extraction", {}), tmp_path / "checkpoint")
    weights = load_file(checkpoint / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if not name.startswith("pooler.")}
    save_file(kept, checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(OptionError, match="--plain gives pooler_output, but this checkpoint has no pooler"):
        export(options(checkpoint, tmp_path / "b", plain=True))


def test_pooling_is_that_of_the_options(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    report = export(options(tiny_checkpoint("feature-extraction", {}), tmp_path / "b", pooling="cls", normalize=True))
    with bert_runtime.load(report.bundle) as session:
        vector = session({"text": "the movie"}).vector
        states = session.run({"input_ids": ids(), "attention_mask": ids() // ids(), "token_type_ids": ids() * 0})
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    first = states["last_hidden_state"][0, 0]
    np.testing.assert_allclose(states["sentence_embedding"][0], first / np.linalg.norm(first), atol=1e-6)


def ids() -> Any:
    return np.array([[2, 7, 8, 3]], dtype=np.int64)


def test_a_checkpoint_without_its_head_is_refused(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"lacks weights of the head: qa_outputs\.bias"):
        export(options(tiny_checkpoint("feature-extraction", {}), tmp_path / "b", task="qa"))


def test_a_report_is_plain_json(tiny_bundle: TinyBundle) -> None:
    report: ExportReport = tiny_bundle("fill-mask", False)
    found = json.loads(json.dumps(report.to_json()))

    assert set(found) == {field.name for field in dataclasses.fields(report)}
    assert found["size"] == sum(
        path.stat().st_size for path in report.bundle.iterdir() if path.name not in ("manifest.json", "README.md")
    )
    assert set(found["seconds"]) == {"load", "trace", "fuse", "convert", "verify", "write"}
