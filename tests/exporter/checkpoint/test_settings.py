"""Labels, problem types, pooling and length come from the checkpoint's files; what is assumed is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.exporter.checkpoint.conftest import Make, edit, write

from bert_export.checkpoint import Checkpoint, CheckpointLocation, LoadOptions, load
from bert_export.checkpoint.findings import Findings
from bert_export.errors import CheckpointError
from bert_runtime.tasks import find_task

TEXTS = find_task("text-classification")
VECTORS = find_task("feature-extraction")


def texts(folder: Path) -> Checkpoint:
    """The directory as text-classification."""
    return load(CheckpointLocation(str(folder)), TEXTS)


def sentence_transformers(folder: Path, pooling: dict[str, Any], *kinds: str) -> Path:
    """Make `folder` one of sentence-transformers with these modules after the Transformer."""
    types = ["sentence_transformers.models.Transformer", *(f"sentence_transformers.models.{kind}" for kind in kinds)]
    modules = [
        {"idx": i, "path": f"{i}_{kind.rpartition('.')[2]}" if i else "", "type": kind} for i, kind in enumerate(types)
    ]
    write(folder, "modules.json", modules)
    write(folder, "1_Pooling/config.json", pooling)
    write(folder, "sentence_bert_config.json", {"max_seq_length": 24})
    return folder


def test_labels_keep_the_order_of_their_ids(make: Make) -> None:
    folder = make("BertForSequenceClassification", num_labels=3)
    edit(folder, "config.json", id2label={"2": "c", "0": "a", "1": "b"}, num_labels=None)
    assert texts(folder).settings.labels == ("a", "b", "c")


def test_missing_labels_are_numbered_and_said(make: Make) -> None:
    folder = make("BertForSequenceClassification", num_labels=3)
    edit(folder, "config.json", id2label=None, label2id=None, num_labels=3)
    checkpoint = texts(folder)
    assert checkpoint.settings.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert any("id2label is missing" in note and "LABEL_0..LABEL_2" in note for note in checkpoint.notes)


@pytest.mark.parametrize(
    "values",
    [
        {"id2label": {"0": "a", "2": "b"}, "num_labels": None},
        {"id2label": {"0": "a", "1": "b"}, "num_labels": 3},
        {"id2label": ["a", "b"]},
        {"id2label": {"zero": "a", "one": "b"}},
    ],
)
def test_labels_that_do_not_count_from_zero_to_the_last_are_refused(make: Make, values: dict[str, Any]) -> None:
    folder = make("BertForSequenceClassification", num_labels=2)
    edit(folder, "config.json", label2id=None, **values)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        texts(folder)


def test_two_labels_of_one_name_are_refused_with_the_name(make: Make) -> None:
    folder = make("BertForSequenceClassification", num_labels=4)
    edit(folder, "config.json", id2label={"0": "a", "1": "b", "2": "a", "3": "b"}, label2id=None)
    with pytest.raises(CheckpointError) as error:
        texts(folder)
    for told in ("names 'a' for 0, 2; expected a name of its own", "names 'b' for 1, 3; expected"):
        assert told in str(error.value)


def test_one_label_of_a_single_label_head_is_refused_in_our_words(make: Make) -> None:
    folder = make("BertForSequenceClassification", num_labels=1)
    edit(folder, "config.json", problem_type="single_label_classification")
    with pytest.raises(CheckpointError, match="with one label, whose softmax is 1 for every text; expected multi"):
        texts(folder)
    for kind in ("multi_label_classification", "regression", None):
        edit(folder, "config.json", problem_type=kind)
        assert len(texts(folder).settings.labels) == 1


def test_of_many_problems_the_first_twenty_are_told() -> None:
    findings = Findings([f"problem {i}" for i in range(23)])
    with pytest.raises(CheckpointError) as error:
        findings.check()
    lines = str(error.value).splitlines()
    assert (lines[0], lines[20], lines[21:]) == ("23 problems:", "- problem 19", ["- and 3 more"])


def test_labels_like_tags_of_no_scheme_are_named_for_a_token_classifier_alone(make: Make) -> None:
    names = {"0": "O", "1": "E-mail", "2": "L-ocation"}
    found = []
    for task, model_class in (("ner", "BertForTokenClassification"), ("seqcls", "BertForSequenceClassification")):
        folder = make(model_class, num_labels=3)
        edit(folder, "config.json", id2label=names, label2id=None)
        notes = load(CheckpointLocation(str(folder)), find_task(task)).notes
        found.append([note for note in notes if note.startswith("labels that look like tags") and "E-mail" in note])
    assert [len(notes) for notes in found] == [1, 0]


@pytest.mark.parametrize(("count", "activation"), [(1, "sigmoid"), (2, None)])
def test_a_missing_problem_type_is_inferred_as_the_pipeline_does_and_said(
    make: Make, count: int, activation: str | None
) -> None:
    checkpoint = texts(make("BertForSequenceClassification", num_labels=count))
    assert checkpoint.settings.problem_type == "single_label_classification"
    assert checkpoint.settings.activation == activation
    assert any("taken as single_label_classification" in note for note in checkpoint.notes)


def test_a_given_problem_type_is_kept_without_a_note(make: Make) -> None:
    checkpoint = texts(make("BertForSequenceClassification", problem_type="multi_label_classification"))
    assert checkpoint.settings.problem_type == "multi_label_classification"
    assert not any("problem_type" in note for note in checkpoint.notes)


def test_a_task_has_no_settings_that_it_does_not_use(make: Make) -> None:
    settings = load(CheckpointLocation(str(make())), find_task("question-answering")).settings
    assert (settings.problem_type, settings.pooling, settings.normalize) == (None, None, None)


@pytest.mark.parametrize(
    ("pooling", "kinds", "expected"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, ("Pooling", "Normalize"), ("mean", True)),
        ({"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}, ("Pooling",), ("cls", False)),
        ({"pooling_mode": "cls"}, ("Pooling", "Normalize"), ("cls", True)),
    ],
)
def test_a_directory_of_sentence_transformers_decides_pooling_normalising_and_length(
    make: Make, pooling: dict[str, Any], kinds: tuple[str, ...], expected: tuple[str, bool]
) -> None:
    checkpoint = load(CheckpointLocation(str(sentence_transformers(make("BertModel"), pooling, *kinds))), VECTORS)
    assert (checkpoint.settings.pooling, checkpoint.settings.normalize) == expected
    assert checkpoint.tokenizer.max_length == 24


def test_options_go_before_what_the_directory_says(make: Make) -> None:
    folder = sentence_transformers(make("BertModel"), {"pooling_mode_max_tokens": True}, "Pooling", "Normalize")
    options = LoadOptions(pooling="cls", normalize=False, max_length=10)
    checkpoint = load(CheckpointLocation(str(folder)), VECTORS, options)
    assert (checkpoint.settings.pooling, checkpoint.settings.normalize) == ("cls", False)
    assert checkpoint.tokenizer.max_length == 10


def test_without_sentence_transformers_vectors_are_means_and_a_note_says_so(make: Make) -> None:
    checkpoint = load(CheckpointLocation(str(make("BertModel"))), VECTORS)
    assert (checkpoint.settings.pooling, checkpoint.settings.normalize) == ("mean", False)
    assert any("pooling is taken as mean" in note for note in checkpoint.notes)
    assert any("not normalised" in note for note in checkpoint.notes)


@pytest.mark.parametrize(
    ("pooling", "kinds", "expected"),
    [
        ({"pooling_mode": "median"}, ("Pooling",), "pooling is 'median'"),
        ({"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": True}, ("Pooling",), "max"),
        ({"pooling_mode": "mean"}, ("Pooling", "LSTM"), "LSTM"),
    ],
)
def test_steps_that_the_graph_would_lack_are_refused(
    make: Make, pooling: dict[str, Any], kinds: tuple[str, ...], expected: str
) -> None:
    folder = sentence_transformers(make("BertModel"), pooling, *kinds)
    with pytest.raises(CheckpointError, match=expected):
        load(CheckpointLocation(str(folder)), VECTORS)


def test_modules_cannot_point_out_of_the_directory(make: Make) -> None:
    folder = sentence_transformers(make("BertModel"), {"pooling_mode": "mean"}, "Pooling")
    write(
        folder, "modules.json", [{"type": "x.Transformer", "path": ""}, {"type": "x.Pooling", "path": "../1_Pooling"}]
    )
    with pytest.raises(CheckpointError, match="inside the checkpoint"):
        load(CheckpointLocation(str(folder)), VECTORS)


def test_prompts_and_the_default_one_are_carried(make: Make) -> None:
    folder = sentence_transformers(make("BertModel"), {"pooling_mode": "mean"}, "Pooling")
    write(
        folder, "config_sentence_transformers.json", {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    )
    checkpoint = load(CheckpointLocation(str(folder)), VECTORS)
    assert (checkpoint.settings.prompts, checkpoint.settings.default_prompt) == ({"query": "query: "}, "query")
    assert "prompts of sentence-transformers, by name: query" in checkpoint.notes
    none = load(CheckpointLocation(str(folder)), VECTORS, LoadOptions(prompt_name=""))
    assert none.settings.default_prompt is None
