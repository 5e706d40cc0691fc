"""What adapters bring: labels and tokens without a config.json, no head at all, a stranger's settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from tests.exporter.checkpoint.conftest import VOCABULARY, Make, edit, write
from transformers import (
    BertForMaskedLM,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertTokenizer,
)

from bert_export.checkpoint import Checkpoint, CheckpointLocation, load
from bert_export.checkpoint.adapter_keys import is_bounded
from bert_export.errors import CheckpointError
from bert_runtime.tasks import find_task

TEXTS = find_task("text-classification")
IDS = torch.tensor([[2, 5, 6, 3]])
LORA: dict[str, Any] = {"r": 4, "target_modules": ["query", "value"], "init_lora_weights": False}


def logits(model: torch.nn.Module, ids: torch.Tensor = IDS) -> torch.Tensor:
    """The model's logits, without dropout."""
    with torch.inference_mode():
        found: torch.Tensor = model.train(False)(input_ids=ids).logits
    return found


def adapted(base: Path, folder: Path, labels: int, **lora: Any) -> PeftModel:
    """Save an adapter with a classifier of its own, as PEFT does: without a config.json."""
    torch.manual_seed(3)
    model = BertForSequenceClassification.from_pretrained(base, num_labels=labels, ignore_mismatched_sizes=True)
    peft = get_peft_model(model, LoraConfig(**({"task_type": "SEQ_CLS"} | LORA | lora)))
    peft.save_pretrained(str(folder))
    return peft


def refusal(base: Path, folder: Path, task: object = TEXTS) -> str:
    """The message with which an adapter is refused."""
    with pytest.raises(CheckpointError) as caught:
        load(CheckpointLocation(str(base), str(folder)), task)  # type: ignore[arg-type]
    return str(caught.value)


def same(checkpoint: Checkpoint, model: torch.nn.Module, ids: torch.Tensor = IDS) -> None:
    """The merged model answers as PEFT's."""
    torch.testing.assert_close(logits(checkpoint.model, ids), logits(model, ids), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("base_class", ["BertForPreTraining", "BertForSequenceClassification"])
def test_the_adapters_classifier_says_how_many_labels_there_are(make: Make, tmp_path: Path, base_class: str) -> None:
    base, folder = make(base_class, id2label={0: "yes", 1: "no"}), tmp_path / "adapter"
    peft = adapted(base, folder, 3)
    checkpoint = load(CheckpointLocation(str(base), str(folder)))
    same(checkpoint, peft)
    assert checkpoint.settings.labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    assert any("beside the adapter" in note and "id2label" in note for note in checkpoint.notes)


def test_names_of_the_bases_labels_stay_where_the_adapter_has_as_many(make: Make, tmp_path: Path) -> None:
    base, folder = make("BertForSequenceClassification", id2label={0: "yes", 1: "no"}), tmp_path / "adapter"
    adapted(base, folder, 2)
    assert load(CheckpointLocation(str(base), str(folder))).settings.labels == ("yes", "no")


def test_an_adapter_without_a_head_keeps_the_bases(make: Make, tmp_path: Path) -> None:
    base, folder = make("BertForSequenceClassification", id2label={0: "a", 1: "b", 2: "c"}), tmp_path / "adapter"
    torch.manual_seed(3)
    model = BertForSequenceClassification.from_pretrained(base)
    model.add_adapter(LoraConfig(task_type="SEQ_CLS", **LORA))
    model.save_pretrained(folder)
    checkpoint = load(CheckpointLocation(str(base), str(folder)))
    same(checkpoint, model)
    assert checkpoint.settings.labels == ("a", "b", "c")
    headless = make("BertModel")
    assert "classifier.bias, classifier.weight" in refusal(headless, folder)


@pytest.mark.parametrize("lora", [{}, {"modules_to_save": ["word_embeddings"]}])
def test_added_tokens_come_with_the_adapters_embeddings_and_tokenizer(
    make: Make, tmp_path: Path, lora: dict[str, Any]
) -> None:
    base, folder = make("BertForTokenClassification", id2label={0: "O", 1: "B"}), tmp_path / "adapter"
    torch.manual_seed(3)
    model = BertForTokenClassification.from_pretrained(base)
    model.resize_token_embeddings(33)
    peft = get_peft_model(model, LoraConfig(**({"task_type": "TOKEN_CLS"} | LORA | lora)))
    peft.save_pretrained(str(folder), save_embedding_layers=True)
    tokenizer = BertTokenizer.from_pretrained(base)
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(folder)
    checkpoint = load(CheckpointLocation(str(base), str(folder)))
    assert checkpoint.config.vocab_size == 33
    assert json.loads(checkpoint.files["config.json"])["vocab_size"] == 33
    assert "<new>" in checkpoint.tokenizer.json
    same(checkpoint, peft, torch.tensor([[2, len(VOCABULARY), 32, 3]]))


def test_added_tokens_of_a_masked_model_grow_its_output_too(make: Make, tmp_path: Path) -> None:
    base, folder = make("BertForMaskedLM"), tmp_path / "adapter"
    torch.manual_seed(3)
    model = BertForMaskedLM.from_pretrained(base)
    model.resize_token_embeddings(33)
    with torch.no_grad():
        model.get_parameter("bert.embeddings.word_embeddings.weight")[30:] = 1.0
    peft = get_peft_model(model, LoraConfig(**LORA))
    peft.save_pretrained(str(folder), save_embedding_layers=True)
    checkpoint = load(CheckpointLocation(str(base), str(folder)), find_task("fill-mask"))
    same(checkpoint, peft, torch.tensor([[2, 31, 6, 3]]))


def test_lora_on_the_head_that_is_saved_whole_is_merged_as_peft_answers(make: Make, tmp_path: Path) -> None:
    base, folder = make("BertForSequenceClassification", num_labels=3), tmp_path / "adapter"
    peft = adapted(base, folder, 3, target_modules="all-linear")
    same(load(CheckpointLocation(str(base), str(folder))), peft)


def test_another_base_of_equal_shape_is_noted_and_the_same_one_is_not(make: Make, tmp_path: Path) -> None:
    base, folder = make("BertForSequenceClassification", num_labels=3), tmp_path / "adapter"
    adapted(base, folder, 3)
    assert not [note for note in load(CheckpointLocation(str(base), str(folder))).notes if "was trained on" in note]
    edit(folder, "adapter_config.json", base_model_name_or_path="/home/me/secret/other-bert")
    (note,) = [note for note in load(CheckpointLocation(str(base), str(folder))).notes if "was trained on" in note]
    assert "other-bert" in note
    assert "secret" not in note


def test_a_base_of_another_width_is_refused_with_the_shapes(make: Make, tmp_path: Path) -> None:
    base, folder = make("BertForSequenceClassification", num_labels=3), tmp_path / "adapter"
    adapted(base, folder, 3)
    path = folder / "adapter_model.safetensors"
    wide = {name: torch.zeros(*(2 * n if n == 16 else n for n in w.shape)) for name, w in load_file(path).items()}
    save_file(wide, path)
    message = refusal(base, folder)
    assert "size mismatch" in message
    assert "give its own base" in message


def test_a_kind_that_cannot_be_merged_is_named_before_peft_reads_anything(make: Make, tmp_path: Path) -> None:
    base, folder = make("BertForSequenceClassification", num_labels=3), tmp_path / "adapter"
    model = BertForSequenceClassification.from_pretrained(base)
    get_peft_model(model, PromptTuningConfig(task_type="SEQ_CLS", num_virtual_tokens=3)).save_pretrained(str(folder))
    message = refusal(base, folder)
    assert '"PROMPT_TUNING"' in message
    assert "LORA" in message


def corrupted(change: dict[str, Any]) -> Callable[[Path], None]:
    """Set keys of adapter_config.json."""
    return lambda folder: edit(folder, "adapter_config.json", **change)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"layer_replication": [[0, 2]] * 1000}, "layer_replication"),
        (
            {"peft_type": "MULTITASK_PROMPT_TUNING", "prompt_tuning_init_state_dict_path": "/x"},
            "MULTITASK_PROMPT_TUNING",
        ),
        ({"alora_invocation_tokens": [1, 2]}, "alora_invocation_tokens"),
        ({"arrow_config": {"top_k": 1}}, "arrow_config"),
        ({"target_modules": "(.*.*)*query"}, "target_modules"),
        ({"target_modules": "(a|a)*$"}, "target_modules"),
        ({"exclude_modules": "(x+x+)+y"}, "exclude_modules"),
        ({"modules_to_save": ["classifier", "(a+)+$"]}, "modules_to_save"),
        ({"rank_pattern": {"(.*)*x": 4}}, "rank_pattern"),
        ({"alpha_pattern": {".*.*.*.*.*x": 4}}, "alpha_pattern"),
        ({"r": 10**9}, "r 1000000000"),
        ({"rank_pattern": {"query": 10**9}}, "rank_pattern"),
        ({"peft_type": "VBLORA", "num_vectors": 10**9}, "num_vectors"),
        ({"peft_type": "MINE"}, '"MINE"'),
        ({"peft_type": ["LORA"]}, '["LORA"]'),
        ({"peft_type": "XLORA", "adapters": {"0": "/etc"}}, '"XLORA"'),
    ],
)
def test_a_strangers_settings_run_no_code_read_no_file_and_take_no_time(
    make: Make, tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    base, folder = make("BertForSequenceClassification", num_labels=3), tmp_path / "adapter"
    adapted(base, folder, 3)
    corrupted(change)(folder)
    assert named in refusal(base, folder)


@pytest.mark.parametrize(
    ("pattern", "bounded"),
    [
        ("query", True),
        (r".*\.layer\.(0|1|11)\.attention\.self\.(query|value)", True),
        (r"bert\.encoder\.layer\.\d+\.attention.*(query|key|value|dense)$", True),
        (r"^(?!.*classifier).*dense$", True),
        ("all-linear", True),
        ("(layer)?query", True),
        ("(a+)+", False),
        ("(a|b)*", False),
        ("(?:a{2,9}){2,9}", False),
        (r"(.)\1*", False),
        (".*a.*b.*c.*d.*e", False),
        ("(unclosed", False),
        ("a" * 3000, False),
        ("(" * 900 + ")" * 900, False),
    ],
)
def test_expressions_that_may_take_for_ever_are_told_from_those_that_people_write(pattern: str, bounded: bool) -> None:
    assert is_bounded(pattern) is bounded


def test_shells_of_zero_3_in_an_adapter_are_named(make: Make, tmp_path: Path) -> None:
    base, folder = make("BertForSequenceClassification", num_labels=3), tmp_path / "adapter"
    adapted(base, folder, 3)
    path = folder / "adapter_model.safetensors"
    save_file({name: torch.zeros(0) for name in load_file(path)}, path)
    assert "ZeRO-3" in refusal(base, folder)


def test_a_setting_that_peft_does_not_know_is_named(make: Make, tmp_path: Path) -> None:
    base, folder = make("BertForSequenceClassification", num_labels=3), tmp_path / "adapter"
    adapted(base, folder, 3)
    edit(folder, "adapter_config.json", use_newest=True)
    assert any("use_newest" in note for note in load(CheckpointLocation(str(base), str(folder))).notes)


def test_a_sentence_transformers_adapter_brings_its_steps_length_and_tokenizer(make: Make, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    base = make("BertModel")
    steps = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    old = "sentence_transformers.models."
    write(base, "modules.json", [{"name": kind, "path": p, "type": old + kind} for p, kind in steps])
    write(base, "1_Pooling/config.json", {"embedding_dimension": 16, "pooling_mode": "cls"})
    write(base, "sentence_bert_config.json", {"max_seq_length": 20})
    theirs = SentenceTransformer(str(base), device="cpu")
    torch.manual_seed(3)
    theirs.add_adapter(LoraConfig(task_type="FEATURE_EXTRACTION", **LORA))
    theirs.save_pretrained(str(tmp_path / "adapter"), create_model_card=False)
    for name in ("modules.json", "sentence_bert_config.json"):
        (base / name).unlink()
    checkpoint = load(CheckpointLocation(str(base), str(tmp_path / "adapter")))
    assert (checkpoint.settings.pooling, checkpoint.settings.normalize) == ("cls", True)
    assert checkpoint.tokenizer.max_length == 20
    with torch.inference_mode():
        found = checkpoint.model(input_ids=torch.tensor([BertTokenizer.from_pretrained(base)("a b c")["input_ids"]]))
    expected = theirs.encode("a b c")
    cls = found.last_hidden_state[0, 0]
    np.testing.assert_allclose((cls / cls.norm()).numpy(), expected, atol=1e-5)
