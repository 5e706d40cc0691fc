"""config.json decides by known keys alone: what decides no answer is dropped, what is foreign or unbounded refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.exporter.checkpoint.conftest import Make, edit, replace_weights, weights, write
from transformers import GenerationConfig

from bert_export.checkpoint import Checkpoint, CheckpointLocation, LoadOptions, load
from bert_export.checkpoint.config_keys import CONFIG
from bert_export.errors import CheckpointError
from bert_runtime.tasks import find_task

TEXTS = find_task("text-classification")
IDS = torch.tensor([[2, 5, 6, 3]])
CODE = {"AutoModelForSequenceClassification": "modeling_my.BertForSequenceClassification"}


@pytest.fixture
def folder(make: Make) -> Path:
    """A classifier of three labels."""
    return make("BertForSequenceClassification", id2label={0: "a", 1: "b", 2: "c"})


def texts(folder: Path, **options: Any) -> Checkpoint:
    """The directory as text-classification."""
    return load(CheckpointLocation(str(folder)), TEXTS, LoadOptions(**options))


def refusal(folder: Path) -> str:
    """The message with which it is refused."""
    with pytest.raises(CheckpointError) as caught:
        texts(folder)
    return str(caught.value)


def logits(checkpoint: Checkpoint) -> torch.Tensor:
    """The logits of one text."""
    with torch.inference_mode():
        found: torch.Tensor = checkpoint.model(input_ids=IDS).logits
    return found


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("return_dict", False),
        ("use_cache", False),
        ("chunk_size_feed_forward", 3),
        ("output_attentions", True),
        ("output_hidden_states", True),
        ("torchscript", True),
        ("gradient_checkpointing", True),
        ("attn_implementation", "flash_attention_2"),
        ("_attn_implementation", "eager"),
        ("task_specific_params", {"summarization": {"max_length": 3}}),
        ("custom_pipelines", {"mine": {"impl": "my.Pipeline"}}),
    ],
)
def test_a_key_that_decides_no_answer_is_dropped_with_a_note(folder: Path, key: str, value: object) -> None:
    expected = logits(texts(folder))
    edit(folder, "config.json", **{key: value})
    checkpoint = texts(folder)
    assert torch.equal(logits(checkpoint), expected)
    assert [note for note in checkpoint.notes if "dropped" in note and key in note]
    assert json.loads(checkpoint.files["config.json"]).get(key) != value


def test_what_every_checkpoint_says_is_worth_no_note(folder: Path) -> None:
    usual = {"return_dict": True, "use_cache": True, "chunk_size_feed_forward": 0, "output_attentions": False}
    edit(folder, "config.json", **usual, transformers_version="4.44.0", torch_dtype="float32", _name_or_path="x/y")
    assert not [note for note in texts(folder).notes if note.startswith("config.json:")]


def test_unknown_keys_are_named_and_reach_neither_model_nor_bundle(folder: Path) -> None:
    edit(folder, "config.json", my_scale=2.0, rope_theta=1e4, **{"esc\x1b[31m": 1})
    checkpoint = texts(folder)
    (note,) = [note for note in checkpoint.notes if "my_scale" in note]
    assert "rope_theta" in note
    assert note.isprintable()
    assert "my_scale" not in checkpoint.files["config.json"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("transformers_weights", "hidden.safetensors"),
        ("attn_implementation", "someone/kernel"),
        ("_attn_implementation", {"": "someone/kernel:attention"}),
        ("per_layer_config", {"0": {"intermediate_size": 8}}),
        ("pruned_heads", {"0": [1]}),
        ("quantization_config", {"load_in_8bit": True}),
        ("adapters", {"adapters": {"ner": "pfeiffer"}, "config_map": {}, "fusion_config_map": {}, "fusions": {}}),
    ],
)
def test_what_names_another_file_or_code_is_refused(folder: Path, key: str, value: object) -> None:
    replaced = {name: torch.zeros_like(weight) for name, weight in weights(folder).items()}
    (folder / "model.safetensors").rename(folder / "kept")
    replace_weights(folder, replaced)
    (folder / "model.safetensors").rename(folder / "hidden.safetensors")
    (folder / "kept").rename(folder / "model.safetensors")
    edit(folder, "config.json", **{key: value})
    assert key in refusal(folder)


def test_no_adapters_of_the_library_adapters_pass(folder: Path) -> None:
    edit(folder, "config.json", adapters={"adapters": {}, "config_map": {}, "fusion_config_map": {}, "fusions": {}})
    texts(folder)


def test_an_authors_own_code_is_refused_unless_it_is_ignored_with_a_note(folder: Path) -> None:
    expected = logits(texts(folder))
    edit(folder, "config.json", auto_map=CODE)
    message = refusal(folder)
    assert "modeling_my.BertForSequenceClassification" in message
    assert "--ignore-auto-map" in message
    checkpoint = texts(folder, ignore_auto_map=True)
    assert torch.equal(logits(checkpoint), expected)
    assert any("auto_map" in note and "may answer otherwise" in note for note in checkpoint.notes)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_hidden_layers", 100_000),
        ("num_hidden_layers", 0),
        ("num_hidden_layers", True),
        ("vocab_size", 10**9),
        ("vocab_size", "30"),
        ("hidden_size", 10**7),
        ("hidden_size", 15),
        ("hidden_size", 10**400),
        ("hidden_size", [16]),
        ("layer_norm_eps", 10**400),
        ("layer_norm_eps", float("inf")),
        ("hidden_act", ["gelu"]),
        ("intermediate_size", -1),
        ("max_position_embeddings", 10**9),
        ("type_vocab_size", 10**8),
        ("num_labels", 10**8),
        ("num_labels", -3),
        ("layer_norm_eps", float("nan")),
        ("hidden_dropout_prob", None),
        ("hidden_act", "gelu_mine"),
        ("pad_token_id", 30),
        ("is_decoder", "no"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_before_anything_is_built(
    folder: Path, key: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert_export.checkpoint.read.load_base", lambda *_: pytest.fail("built"))
    content = {"id2label": None, "label2id": None} if key == "num_labels" else {}
    edit(folder, "config.json", **content)
    raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    write(folder, "config.json", raw | {key: value})
    assert f"config.json says {key}" in refusal(folder)


def test_more_labels_than_can_be_held_are_refused(folder: Path) -> None:
    edit(folder, "config.json", id2label={str(i): "x" for i in range(100_001)})
    assert "100001 entries, expected at most 100000" in refusal(folder)


def test_sizes_other_than_the_weights_are_refused_before_a_model_is_built(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert_export.checkpoint.read.load_base", lambda *_: pytest.fail("built"))
    edit(folder, "config.json", num_hidden_layers=900, vocab_size=4_000_000, intermediate_size=400_000)
    message = refusal(folder)
    assert "num_hidden_layers 900, expected at most 2" in message
    assert "word_embeddings.weight has the shape [30, 16] in the checkpoint, expected [4000000, 16]" in message
    assert "intermediate.dense.weight has the shape [32, 16]" in message


def test_cross_attention_without_a_decoder_is_named(folder: Path) -> None:
    edit(folder, "config.json", add_cross_attention=True)
    assert "says add_cross_attention, expected false for text-classification" in refusal(folder)


def test_a_missing_model_type_is_named(folder: Path) -> None:
    edit(folder, "config.json", model_type=None, architectures=["MyClassifier"])
    assert "names no model_type" in refusal(folder)


def test_a_byte_order_mark_is_no_part_of_a_file(folder: Path) -> None:
    content = (folder / "config.json").read_text(encoding="utf-8")
    (folder / "config.json").write_text(content, encoding="utf-8-sig")
    assert texts(folder).settings.labels == ("a", "b", "c")


def test_labels_come_from_label2id_where_it_is_all_there_is(folder: Path) -> None:
    edit(folder, "config.json", id2label=None, label2id={"low": 1, "mid": 2, "high": 0})
    checkpoint = texts(folder)
    assert checkpoint.settings.labels == ("high", "low", "mid")
    assert any("label2id" in note for note in checkpoint.notes)


def test_without_names_there_are_as_many_labels_as_the_classifier_has_rows(folder: Path) -> None:
    edit(folder, "config.json", id2label=None, label2id=None)
    assert texts(folder).settings.labels == ("LABEL_0", "LABEL_1", "LABEL_2")


def test_labels_in_a_list_are_named_with_the_form_expected(folder: Path) -> None:
    edit(folder, "config.json", id2label=["a", "b", "c"])
    message = refusal(folder)
    assert "id2label in config.json is [" in message
    assert '{"0": "negative", "1": "positive"}' in message


def test_every_setting_of_generate_is_known() -> None:
    named = set(GenerationConfig._get_default_generation_params())
    assert {name for name in named if CONFIG.key(name) is None} == set()
