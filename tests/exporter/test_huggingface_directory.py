"""A bundle's directory is one that transformers reads: the same configuration, and the same ids for any text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import transformers
from huggingface_hub import constants
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_runtime import bundle
from bert_runtime.tasks import TASKS, find_task
from bert_runtime.text import TextEncoder

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
NAMES = [task.name for task in TASKS]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def both(name: str) -> tuple[Any, TextEncoder]:
    """The directory's tokenizer as transformers reads it, and as the runtime does."""
    record = bundle.read(GOLDEN / name).manifest.tokenizer
    tokenizer = transformers.AutoTokenizer.from_pretrained(GOLDEN / name)
    return tokenizer, TextEncoder.from_file(GOLDEN / name / record.file, record)


QA_TOKENIZERS = both("question-answering")
TEXTS = st.text(st.sampled_from("abcXYZé 🎬.!?\u0301\t東[MASK]"), max_size=20)


@pytest.mark.parametrize("name", NAMES)
def test_auto_config_reads_the_configuration(name: str) -> None:
    config = transformers.AutoConfig.from_pretrained(GOLDEN / name)
    manifest = bundle.read(GOLDEN / name).manifest

    assert isinstance(config, transformers.BertConfig)
    assert config.architectures == [find_task(name).model_class]
    assert (config.num_hidden_layers, config.hidden_size) == (2, 16)
    if manifest.settings.labels:
        assert config.id2label == dict(enumerate(manifest.settings.labels))
        assert config.label2id == {label: i for i, label in enumerate(manifest.settings.labels)}


@pytest.mark.parametrize("name", NAMES)
def test_auto_tokenizer_gives_the_same_ids_and_types(name: str) -> None:
    tokenizer, text = both(name)
    for first, second in (("A good film!", None), ("Zoë 🎬", "the bad film xyz."), ("", None), ("", "a")):
        row = text.row(text.pieces(first), None if second is None else text.pieces(second))
        encoded = tokenizer(first, second)
        assert encoded["input_ids"] == row.ids.tolist()
        assert encoded["token_type_ids"] == row.type_ids.tolist()


@given(TEXTS, TEXTS.filter(bool))  # transformers takes an empty second text for none
@settings(max_examples=50, derandomize=True, deadline=None)
def test_any_pair_of_texts_has_the_same_ids(first: str, second: str) -> None:
    tokenizer, text = QA_TOKENIZERS
    row = text.row(text.pieces(first), text.pieces(second))

    assert tokenizer(first, second)["input_ids"] == row.ids.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_the_tokenizers_agree_on_special_tokens_and_length(name: str) -> None:
    tokenizer, text = both(name)

    assert (tokenizer.pad_token_id, tokenizer.mask_token_id) == (text.pad_id, text.mask_id)
    assert tokenizer.model_max_length == text.max_length


def test_auto_tokenizer_truncates_a_long_text_to_the_same_ids() -> None:
    tokenizer, text = QA_TOKENIZERS
    first, second = "a good film! " * 9, "the bad one " * 4
    row = text.row(*text.truncate(text.pieces(first), text.pieces(second)))

    assert len(row.ids) == text.max_length
    assert tokenizer(first, second, truncation=True)["input_ids"] == row.ids.tolist()
