"""Scores are made of logits as the checkpoint's author says, else as transformers' pipeline makes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from sentence_transformers import CrossEncoder
from tests.exporter.checkpoint.conftest import Make, edit, write

from bert_export.checkpoint import Checkpoint, CheckpointLocation, LoadOptions, load
from bert_export.checkpoint.adapter import Adapter, with_head_of
from bert_export.errors import CheckpointError
from bert_runtime.tasks import find_task
from bert_runtime.tasks.activation import ACTIVATIONS, activation_of

TEXTS = find_task("text-classification")
PAIR = ("abc def", "gAb")
IDENTITY = "torch.nn.modules.linear.Identity"
SIGMOID = "torch.nn.modules.activation.Sigmoid"
SOFTMAX = "torch.nn.modules.activation.Softmax"


def texts(folder: Path, **options: Any) -> Checkpoint:
    """The directory as text-classification."""
    return load(CheckpointLocation(str(folder)), TEXTS, LoadOptions(**options))


def scores(checkpoint: Checkpoint, folder: Path) -> list[float]:
    """The scores of PAIR, in the order of the labels: torch's logits through the activation of the settings."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        logits = checkpoint.model(**tokenizer(*PAIR, return_tensors="pt")).logits[0].numpy()
    name = activation_of(checkpoint.settings)
    assert name is not None
    return [float(score) for score in ACTIVATIONS[name].scores(logits)]


def of_pipeline(folder: Path) -> list[float]:
    """The scores of PAIR that transformers' pipeline gives, in the order of the labels."""
    pipe = transformers.pipeline("text-classification", model=str(folder), device="cpu")
    found = pipe({"text": PAIR[0], "text_pair": PAIR[1]}, top_k=None)
    return [part["score"] for part in sorted(found, key=lambda part: str(part["label"]))]


def of_cross_encoder(folder: Path) -> list[float]:
    """Those of sentence-transformers."""
    return [float(x) for x in np.ravel(CrossEncoder(str(folder), device="cpu").predict([PAIR])[0])]


@pytest.mark.parametrize(
    ("problem_type", "count"),
    [(None, 1), (None, 2), (None, 3), ("single_label_classification", 2), ("single_label_classification", 3)]
    + [(kind, count) for kind in ("multi_label_classification", "regression") for count in (1, 2, 3)],
)
def test_without_a_word_scores_are_those_of_the_pipeline(problem_type: str | None, count: int, make: Make) -> None:
    folder = make("BertForSequenceClassification", num_labels=count, problem_type=problem_type)
    assert scores(texts(folder), folder) == pytest.approx(of_pipeline(folder), abs=1e-6)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("problem_type", [None, "regression"])
@pytest.mark.parametrize(
    "extra",
    [
        {"sentence_transformers": {"activation_fn": IDENTITY, "version": "5.0.0"}},
        {"sentence_transformers": {"activation_fn": SIGMOID}},
        {"sentence_transformers": {"activation_fn": SIGMOID}, "sbert_ce_default_activation_function": IDENTITY},
        {"sbert_ce_default_activation_function": IDENTITY},
        {"sbert_ce_default_activation_function": SIGMOID},
        {"sentence_transformers": {"activation_fn": "torch.nn.Sigmoid"}},
        {"sentence_transformers": {"activation_fn": IDENTITY}, "file": SIGMOID},
        {"file": IDENTITY},
    ],
    ids=" and ".join,
)
def test_what_sentence_transformers_wrote_down_is_what_its_cross_encoder_gives(
    extra: dict[str, Any], problem_type: str | None, count: int, make: Make
) -> None:
    folder = make("BertForSequenceClassification", num_labels=count, problem_type=problem_type)
    config = {key: value for key, value in extra.items() if key != "file"}
    edit(folder, "config.json", **config)
    if "file" in extra:
        saved = {"model_type": "CrossEncoder", "activation_fn": extra["file"]}
        write(folder, "config_sentence_transformers.json", saved)
        kind = "sentence_transformers.base.modules.transformer.Transformer"
        write(folder, "modules.json", [{"idx": 0, "name": "0", "path": "", "type": kind}])
        logits = {"text": {"method": "forward", "method_output_name": "logits"}}
        head = {"transformer_task": "sequence-classification", "module_output_name": "scores"}
        write(folder, "sentence_bert_config.json", {**head, "modality_config": logits})
    assert scores(texts(folder), folder) == pytest.approx(of_cross_encoder(folder), abs=1e-6)


def test_a_cross_encoder_that_sentence_transformers_saves_today_keeps_its_activation(
    make: Make, tmp_path: Path
) -> None:
    first = make("BertForSequenceClassification", num_labels=1)
    CrossEncoder(str(first), device="cpu", activation_fn=torch.nn.Identity()).save_pretrained(str(tmp_path / "saved"))
    checkpoint = texts(tmp_path / "saved")
    assert checkpoint.settings.activation == "none"
    assert any("scores are the logits themselves, as activation_fn of sentence-tr" in note for note in checkpoint.notes)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"function_to_apply": "sigmoid"}, "sigmoid"),
        ({"function_to_apply": "NONE"}, "none"),
        ({"function_to_apply": "softmax"}, None),
        ({"task_specific_params": {"text-classification": {"function_to_apply": "sigmoid"}}}, "sigmoid"),
        (
            {"task_specific_params": {"sentiment-analysis": {"function_to_apply": "none"}}, "function_to_apply": "x"},
            None,
        ),
        ({"task_specific_params": {"summarization": {"length_penalty": 2.0}}}, None),
        ({"sbert_ce_default_activation_function": SOFTMAX, "function_to_apply": "sigmoid"}, None),
    ],
)
def test_function_to_apply_is_read_too(extra: dict[str, Any], expected: str | None, make: Make) -> None:
    folder = make("BertForSequenceClassification", num_labels=2)
    edit(folder, "config.json", **extra)
    if extra.get("function_to_apply") == "x":
        with pytest.raises(CheckpointError, match="function_to_apply is 'x', expected one of none, sigmoid, softmax"):
            texts(folder)
    else:
        assert texts(folder).settings.activation == expected


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Tanh"}}, "modules.activation.Tanh'"),
        ({"sentence_transformers": {"activation_fn": "mine.Sigmoid"}}, "'mine.Sigmoid', expected one of torch.nn."),
        ({"sentence_transformers": {"activation_fn": ["x"]}}, r"activation_fn of sentence-transformers is \['x'\]"),
        ({"sentence_transformers": "5.0.0"}, "sentence_transformers in config.json is '5.0.0', expected an object"),
        ({"sbert_ce_default_activation_function": "os.system"}, "sbert_ce_default_activation_function is 'os.system'"),
        ({"function_to_apply": 3}, "function_to_apply is 3, expected one of none, sigmoid, softmax"),
        (
            {"sentence_transformers": {"activation_fn": SOFTMAX}},
            "softmax over 1 label is always 1, expected at least 2",
        ),
    ],
)
def test_a_function_that_no_bundle_holds_is_refused_by_name(extra: dict[str, Any], message: str, make: Make) -> None:
    folder = make("BertForSequenceClassification", num_labels=1)
    edit(folder, "config.json", **extra)
    with pytest.raises(CheckpointError, match=message):
        texts(folder)


def test_the_option_goes_before_what_the_checkpoint_says(make: Make) -> None:
    folder = make("BertForSequenceClassification", num_labels=1)
    edit(folder, "config.json", sentence_transformers={"activation_fn": "mine.Activation"})
    assert texts(folder, activation="none").settings.activation == "none"
    with pytest.raises(CheckpointError, match="the activation is softmax, as --activation says: softmax over 1 label"):
        texts(folder, activation="softmax")


def test_notes_tell_what_is_done_and_by_whose_word(make: Make) -> None:
    folder = make("BertForSequenceClassification", num_labels=1)
    notes = texts(folder).notes
    assert (
        "problem_type is missing in config.json: taken as single_label_classification with one label, as "
        in "".join(notes)
    )
    assert any(note.startswith("scores are sigmoids of the logits, as transformers' pipeline does") for note in notes)

    edit(folder, "config.json", sbert_ce_default_activation_function=IDENTITY)
    (note,) = [note for note in texts(folder).notes if note.startswith("scores are")]
    assert note == (
        "scores are the logits themselves, as sbert_ce_default_activation_function says; transformers' pipeline gives "
        "sigmoids of the logits: --activation sigmoid"
    )

    usual = make("BertForSequenceClassification", num_labels=2, problem_type="single_label_classification")
    assert not [note for note in texts(usual).notes if "scores are" in note]


@pytest.mark.parametrize("option", ["none", "sigmoid", "softmax"])
def test_config_json_of_the_bundle_names_an_activation_that_is_not_the_default(option: str, make: Make) -> None:
    folder = make("BertForSequenceClassification", num_labels=3)
    edit(folder, "config.json", sbert_ce_default_activation_function=IDENTITY, function_to_apply="none")
    config = json.loads(texts(folder, activation=option).files["config.json"])
    assert config.keys().isdisjoint({"sbert_ce_default_activation_function", "function_to_apply"})
    named = config.get("sentence_transformers", {}).get("activation_fn")
    assert named == {"none": IDENTITY, "sigmoid": SIGMOID, "softmax": None}[option]


def test_config_json_of_a_cross_encoders_bundle_loads_and_scores_in_transformers(make: Make) -> None:
    """transformers has no problem type for one label but regression, whose score would be the logit."""
    folder = make("BertForSequenceClassification", num_labels=1)
    expected = of_pipeline(folder)
    for name, content in texts(folder).files.items():
        (folder / name).write_text(content, encoding="utf-8")
    assert of_pipeline(folder) == pytest.approx(expected)


def test_an_adapters_own_configuration_decides_the_activation(make: Make, tmp_path: Path) -> None:
    write(tmp_path, "config.json", {"num_labels": 1, "sentence_transformers": {"activation_fn": SIGMOID}})
    base = {"num_labels": 3, "function_to_apply": "softmax", "hidden_size": 16}
    assert with_head_of(Adapter(tmp_path, {}, (), {}), base) == {
        "hidden_size": 16,
        "num_labels": 1,
        "sentence_transformers": {"activation_fn": SIGMOID},
    }
