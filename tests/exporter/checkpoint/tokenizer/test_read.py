"""The bundle's tokenizer is the checkpoint's: same ids, no truncation, nothing but BERT's own kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.exporter.checkpoint.conftest import VOCABULARY, Make, edit, write
from tokenizers import Tokenizer
from transformers import AutoTokenizer, BertTokenizer

from bert_export.checkpoint import CheckpointLocation, LoadOptions, load
from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.tokenizer import ModelFacts, TokenizerFile, TokenizerFolders, read_tokenizer
from bert_export.errors import CheckpointError
from bert_runtime.tasks import find_task

QA = find_task("question-answering")


def read(folder: Path, findings: Findings | None = None) -> TokenizerFile:
    """The directory's tokenizer for a model of 40 positions and two types."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    sentence = folder if (folder / "modules.json").is_file() else None
    folders = TokenizerFolders(folder, sentence)
    return read_tokenizer(folders, ModelFacts(config, 30, 40, 2), None, findings or Findings()).file


def normalizer(tokenizer: TokenizerFile) -> dict[str, Any]:
    """That of its tokenizer.json."""
    found: dict[str, Any] = json.loads(tokenizer.json)["normalizer"]
    return found


def with_json(folder: Path, **changes: Any) -> Path:
    """Add a tokenizer.json, cased, with these parts replaced."""
    content = json.loads(BertTokenizer.from_pretrained(folder, do_lower_case=False).backend_tokenizer.to_str())
    write(folder, "tokenizer.json", content | changes)
    (folder / "vocab.txt").unlink()
    return folder


def test_a_tokenizer_built_from_a_vocabulary_has_all_of_it(make: Make) -> None:
    tokenizer = read(make())
    assert tokenizer.size == len(VOCABULARY)
    encoding = Tokenizer.from_str(tokenizer.json).encode("ab A c")
    assert encoding.tokens == ["[CLS]", "a", "##b", "A", "c", "[SEP]"]


def test_a_vocabulary_is_read_with_the_directorys_settings(make: Make) -> None:
    folder = make()
    assert not normalizer(read(folder))["lowercase"]
    write(
        folder,
        "tokenizer_config.json",
        {"do_lower_case": True, "tokenize_chinese_chars": False, "strip_accents": False},
    )
    found = normalizer(read(folder))
    assert (found["lowercase"], found["handle_chinese_chars"], found["strip_accents"]) == (True, False, False)


def test_where_the_settings_are_silent_transformers_defaults_hold_and_are_noted(make: Make) -> None:
    folder, findings = with_json(make()), Findings()
    write(folder, "tokenizer_config.json", {})
    assert AutoTokenizer.from_pretrained(folder)("A").tokens() == ["[CLS]", "a", "[SEP]"]
    assert normalizer(read(folder, findings))["lowercase"]
    assert any("tokenizer.json says lowercase false" in note for note in findings.notes)


def test_settings_that_contradict_the_tokenizer_hold_and_are_noted(make: Make) -> None:
    folder, findings = with_json(make()), Findings()
    write(folder, "tokenizer_config.json", {"do_lower_case": True})
    assert normalizer(read(folder, findings))["lowercase"]
    assert any("do_lower_case in tokenizer_config.json" in note for note in findings.notes)
    write(folder, "tokenizer_config.json", {"do_lower_case": True, "tokenizer_class": "PreTrainedTokenizerFast"})
    assert not normalizer(read(folder))["lowercase"]


def test_saved_truncation_and_padding_are_switched_off(make: Make) -> None:
    folder = with_json(make())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=12)
    tokenizer.save(str(folder / "tokenizer.json"))
    findings = Findings()
    content = json.loads(read(folder, findings).json)
    assert (content["truncation"], content["padding"]) == (None, None)
    assert not any("post-processor" in note for note in findings.notes)


def test_special_tokens_have_the_ids_of_the_vocabulary(make: Make) -> None:
    record = read(make()).record
    assert (record.pad_id, record.mask_id) == (0, 4)


@pytest.mark.parametrize(("own", "expected"), [(32, 32), (10**30, 40), (512, 40), (None, 40)])
def test_the_length_is_the_shorter_of_the_models_and_the_tokenizers(make: Make, own: int | None, expected: int) -> None:
    folder = make()
    edit(folder, "tokenizer_config.json", model_max_length=own)
    assert read(folder).max_length == expected


def test_a_length_beyond_the_models_positions_is_refused(make: Make) -> None:
    with pytest.raises(CheckpointError, match="41, expected 3 to 40"):
        load(CheckpointLocation(str(make())), QA, LoadOptions(max_length=41))


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"type": "WordLevel", "vocab": {}, "unk_token": "[UNK]"}},
        {"normalizer": {"type": "Lowercase"}},
        {"normalizer": None},
        {"pre_tokenizer": {"type": "Whitespace"}},
    ],
)
def test_a_tokenizer_that_is_not_berts_is_refused_by_name(make: Make, changes: dict[str, Any]) -> None:
    (value,) = changes.values()
    with pytest.raises(CheckpointError, match=value["type"] if value else "None"):
        read(with_json(make(), **changes))


def test_a_tokenizer_without_berts_template_is_refused(make: Make) -> None:
    folder = with_json(make(), post_processor=None)
    edit(folder, "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")
    with pytest.raises(CheckpointError, match="post-processor"):
        read(folder)


def test_a_template_that_transformers_replaces_is_noted(make: Make) -> None:
    folder, findings = with_json(make(), post_processor=None), Findings()
    assert AutoTokenizer.from_pretrained(folder)("a").tokens() == ["[CLS]", "a", "[SEP]"]
    read(folder, findings)
    assert any("post-processor" in note for note in findings.notes)


def test_ids_beyond_the_embeddings_are_refused_and_fewer_are_fine(make: Make) -> None:
    folder = make()
    load(CheckpointLocation(str(folder)), QA)
    words = VOCABULARY + [f"word{i}" for i in range(31 - len(VOCABULARY))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match=f"ids up to {len(words) - 1}, the model 30 embeddings"):
        load(CheckpointLocation(str(folder)), QA)


def test_missing_special_tokens_are_named(make: Make) -> None:
    content = json.loads(read(make()).json)
    vocabulary = {("[X]" if token == "[SEP]" else token): i for token, i in content["model"]["vocab"].items()}
    added = [token for token in content["added_tokens"] if token["content"] != "[SEP]"]
    folder = with_json(make(), model=content["model"] | {"vocab": vocabulary}, added_tokens=added, post_processor=None)
    with pytest.raises(CheckpointError, match=r"lacks sep_token \[SEP\]"):
        read(folder)


def test_a_masking_task_needs_a_mask_token(make: Make) -> None:
    folder = make("BertForMaskedLM")
    content = json.loads(read(folder).json)
    vocabulary = {("[X]" if token == "[MASK]" else token): i for token, i in content["model"]["vocab"].items()}
    added = [token for token in content["added_tokens"] if token["content"] != "[MASK]"]
    with_json(folder, model=content["model"] | {"vocab": vocabulary}, added_tokens=added)
    with pytest.raises(CheckpointError, match=r"no \[MASK\]"):
        load(CheckpointLocation(str(folder)), find_task("fill-mask"))


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"model": {"type": "WordPiece"}}', b"[1]"])
def test_a_damaged_tokenizer_is_refused_by_its_name(make: Make, content: bytes) -> None:
    folder = make()
    (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        read(folder)


def test_a_damaged_vocabulary_is_refused_by_its_name(make: Make) -> None:
    folder = make()
    (folder / "vocab.txt").write_bytes(b"\xff\xfe\n")
    with pytest.raises(CheckpointError, match=r"vocab\.txt"):
        read(folder)


def test_a_model_of_one_type_says_that_pairs_are_beyond_it(make: Make) -> None:
    checkpoint = load(
        CheckpointLocation(str(make("BertForTokenClassification", type_vocab_size=1))),
        find_task("token-classification"),
    )
    assert any("type_vocab_size is 1" in note for note in checkpoint.notes)
