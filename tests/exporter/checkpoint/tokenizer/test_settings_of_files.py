"""Every setting of the tokenizer's files is carried, so that rows equal AutoTokenizer's, or refused by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.exporter.checkpoint.conftest import VOCABULARY, Make, edit, write
from tokenizers import Tokenizer, normalizers
from transformers import AutoTokenizer, BertTokenizer

from bert_export.checkpoint import Checkpoint, CheckpointLocation, load
from bert_export.checkpoint.tokenizer.sentence import with_lower_case
from bert_export.errors import CheckpointError
from bert_runtime.tasks import find_task

QA = find_task("question-answering")
TOKEN = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": False}
LONG = " ".join("abcdefgh" * 8)
TEXTS: list[tuple[str, ...]] = [
    ("a <ent> b<ent>",),
    ("[MASK] a [MASK]  [mask] [CLS]",),
    ("A Ä b",),
    ("", "a"),
    ("a b", "c"),
    (LONG,),
    (LONG, "a b c"),
    ("a b c", LONG),
]
Change = Callable[[Path], None]


def saved(folder: Path, **settings: Any) -> None:
    """Write tokenizer.json as transformers saves it, then tokenizer_config.json."""
    BertTokenizer.from_pretrained(folder, do_lower_case=False).backend_tokenizer.save(str(folder / "tokenizer.json"))
    edit(folder, "tokenizer_config.json", **settings)


def config(**values: Any) -> Change:
    """tokenizer_config.json with other values."""
    return lambda folder: edit(folder, "tokenizer_config.json", **values)


def model_config(**values: Any) -> Change:
    """config.json with other values."""
    return lambda folder: edit(folder, "config.json", **values)


def stale_json(folder: Path) -> None:
    """A tokenizer.json from before a token was added."""
    saved(folder)
    write(folder, "added_tokens.json", {"<ent>": len(VOCABULARY)})


def renamed(folder: Path) -> None:
    """A vocabulary with other names for the special tokens."""
    names = {"[CLS]": "<s>", "[SEP]": "</s>", "[UNK]": "<unk>", "[PAD]": "<pad>", "[MASK]": "<mask>"}
    words = [names.get(word, word) for word in VOCABULARY]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    write(
        folder,
        "special_tokens_map.json",
        {"cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"},
    )


def cut_in_json(folder: Path) -> None:
    """The side to cut stands in tokenizer.json alone."""
    saved(folder, tokenizer_class="PreTrainedTokenizerFast", pad_token="[PAD]", mask_token="[MASK]")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(16, direction="left")
    tokenizer.save(str(folder / "tokenizer.json"))


CARRIED: dict[str, Change] = {
    "truncation side": config(truncation_side="left"),
    "truncation side in tokenizer.json": cut_in_json,
    "no token types": config(model_input_names=["input_ids", "attention_mask"]),
    "class without token types": config(tokenizer_class="DistilBertTokenizer"),
    "class in config.json": model_config(tokenizer_class="DistilBertTokenizerFast"),
    "added_tokens_decoder": lambda folder: saved(
        folder, added_tokens_decoder={str(len(VOCABULARY)): TOKEN | {"content": "<ent>"}}
    ),
    "added_tokens.json": stale_json,
    "additional_special_tokens": config(additional_special_tokens=["<ent>"]),
    "extra_special_tokens": config(extra_special_tokens={"entity_token": "<ent>"}),
    "special_tokens_map.json": lambda folder: write(
        folder, "special_tokens_map.json", {"additional_special_tokens": ["<ent>"]}
    ),
    "a mask that takes spaces": config(
        added_tokens_decoder={"4": TOKEN | {"content": "[MASK]", "special": True, "lstrip": True}}
    ),
    "names of special tokens": renamed,
    "max_len": config(model_max_length=None, max_len=20),
    "do_lower_case": config(do_lower_case=True),
    "do_lower_case with accents": config(do_lower_case=True, strip_accents=False),
}


def same_rows(folder: Path, checkpoint: Checkpoint) -> bool:
    """Whether the runtime gives the model what AutoTokenizer on the folder does."""
    own, encoder = AutoTokenizer.from_pretrained(folder), checkpoint.tokenizer.encoder()
    for texts in TEXTS:
        length = min(40, own.model_max_length)
        expected = own(*texts, truncation=True, max_length=length, return_offsets_mapping=True)
        pieces = encoder.truncate(*(encoder.pieces(text) for text in texts))
        row = encoder.row(*pieces)
        if len(texts) == 1 and pieces[0].offsets.tolist() != [list(each) for each in expected["offset_mapping"][1:-1]]:
            return False
        types = expected.get("token_type_ids", [0] * len(expected["input_ids"]))
        if (row.ids.tolist(), row.type_ids.tolist()) != (expected["input_ids"], types):
            return False
    return True


@pytest.mark.parametrize("name", CARRIED)
def test_a_setting_is_carried_and_the_text_gate_says_so(make: Make, name: str) -> None:
    folder, plain = make(), make()
    CARRIED[name](folder)
    checkpoint = load(CheckpointLocation(str(folder)), QA)
    assert same_rows(folder, checkpoint)
    assert checkpoint.text.texts > 40
    assert not same_rows(folder, load(CheckpointLocation(str(plain)), QA)), "the case tells nothing"


REFUSED: dict[str, tuple[Change, str]] = {
    "BertJapaneseTokenizer": (config(tokenizer_class="BertJapaneseTokenizer"), "tokenizer_class"),
    "KoBertTokenizer": (config(tokenizer_class="KoBertTokenizer"), "tokenizer_class"),
    "HerbertTokenizerFast": (config(tokenizer_class="HerbertTokenizerFast"), "tokenizer_class"),
    "RoFormerTokenizer": (model_config(tokenizer_class="RoFormerTokenizer"), "config.json says tokenizer_class"),
    "XLMRobertaTokenizer": (model_config(tokenizer_class="XLMRobertaTokenizer"), "config.json says tokenizer_class"),
    "my.Tokenizer": (config(auto_map={"AutoTokenizer": ["my.Tokenizer", None]}), "auto_map"),
    "other.Tokenizer": (
        model_config(auto_map={"AutoTokenizer": ["other.Tokenizer", None]}),
        "config.json says auto_map AutoTokenizer",
    ),
    "split_special_tokens": (config(split_special_tokens=True), "tokenizer_config.json says split_special_tokens true"),
    "do_basic_tokenize": (config(do_basic_tokenize=False), "do_basic_tokenize false"),
    "never_split": (config(never_split=["ab"]), r'never_split \["ab"\]'),
    "mecab": (config(word_tokenizer_type="mecab"), "word_tokenizer_type"),
    "mecab_dic": (config(mecab_kwargs={"mecab_dic": "unidic"}), "mecab_kwargs"),
    "init_inputs": (config(init_inputs=[{"a": 0}]), "init_inputs"),
    "/etc/passwd": (config(vocab="/etc/passwd"), "vocab"),
    "tokenizer.9.json": (config(fast_tokenizer_files=["tokenizer.json", "tokenizer.9.json"]), "fast_tokenizer_files"),
    "only vocab.txt": (config(tokenizer_class="PreTrainedTokenizerFast"), "reads tokenizer.json"),
    "model_max_length": (config(model_max_length="many"), "number of tokens"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_carried_is_refused_by_name(make: Make, name: str) -> None:
    folder = make()
    change, said = REFUSED[name]
    change(folder)
    with pytest.raises(CheckpointError, match=said) as caught:
        load(CheckpointLocation(str(folder)), QA)
    assert name in str(caught.value)


def test_all_that_is_refused_is_named_at_once(make: Make) -> None:
    folder = make()
    edit(folder, "tokenizer_config.json", tokenizer_class="RemBertTokenizer", split_special_tokens=True, vocab="x")
    with pytest.raises(CheckpointError) as caught:
        load(CheckpointLocation(str(folder)), QA)
    text = str(caught.value)
    assert text.startswith("3 problems:")
    assert all(name in text for name in ("RemBertTokenizer", "split_special_tokens", "vocab"))


@pytest.mark.parametrize(
    ("field", "value"), [("continuing_subword_prefix", "@@"), ("max_input_chars_per_word", 7), ("unk_token", "a")]
)
def test_what_transformers_drops_of_tokenizer_json_is_refused(make: Make, field: str, value: object) -> None:
    folder = make()
    saved(folder)
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    content["model"][field] = value
    write(folder, "tokenizer.json", content)
    with pytest.raises(CheckpointError, match=f"model {field}.*PreTrainedTokenizerFast"):
        load(CheckpointLocation(str(folder)), QA)
    edit(folder, "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast", pad_token="[PAD]")
    assert same_rows(folder, load(CheckpointLocation(str(folder)), QA))


def test_tokens_that_autotokenizer_leaves_out_or_moves_are_noted(make: Make) -> None:
    folder = make()
    edit(folder, "tokenizer_config.json", added_tokens_decoder={"27": TOKEN | {"content": "<ent>"}})
    write(folder, "special_tokens_map.json", {"additional_special_tokens": ["<lost>"]})
    notes = load(CheckpointLocation(str(folder)), QA).notes
    assert any("special_tokens_map.json lists <lost>" in note for note in notes)
    assert any("<ent> 22 (there: 27)" in note for note in notes)


@pytest.mark.parametrize(("more", "size"), [(0, len(VOCABULARY)), (31 - len(VOCABULARY), 30)])
def test_a_mask_that_only_transformers_default_names_is_for_no_task(make: Make, more: int, size: int) -> None:
    """It has an id, and stays a token, where the model happens to have an embedding more."""
    folder = make()
    words = [word for word in VOCABULARY if word != "[MASK]"] + [f"word{i}" for i in range(more)]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    checkpoint = load(CheckpointLocation(str(folder)), QA)
    assert (checkpoint.tokenizer.record.mask_id, checkpoint.tokenizer.size) == (None, size)
    with pytest.raises(CheckpointError, match=r"no \[MASK\]"):
        load(CheckpointLocation(str(folder)), find_task("fill-mask"))


def test_a_vocabulary_that_is_not_tokenizer_jsons_is_noted(make: Make) -> None:
    folder = make()
    saved(folder)
    (folder / "vocab.txt").write_text("\n".join([*VOCABULARY, "newer"]) + "\n", encoding="utf-8")
    assert any(
        "1 entries that tokenizer.json lacks (newer)" in note
        for note in load(CheckpointLocation(str(folder)), QA).notes
    )


def test_the_manifest_says_which_keys_of_which_file_were_read(make: Make) -> None:
    folder = make()
    edit(folder, "tokenizer_config.json", padding_side="left", truncation_side="left", what=1)
    checkpoint = load(CheckpointLocation(str(folder)), QA)
    read = checkpoint.provenance.read
    assert read["tokenizer_config.json"] == ("do_lower_case", "model_max_length", "truncation_side")
    assert any("tokenizer_config.json: not read" in note and "'what'" in note for note in checkpoint.notes)


def test_a_model_of_one_type_gives_all_tokens_type_zero(make: Make) -> None:
    checkpoint = load(CheckpointLocation(str(make(type_vocab_size=1))), QA)
    assert checkpoint.tokenizer.record.pair_type_ids == (0, 0)
    assert "token_type_ids" not in json.loads(checkpoint.tokenizer.config)["model_input_names"]


@pytest.mark.parametrize("strip", [None, True, False])
@pytest.mark.parametrize("lower", [True, False])
def test_lower_case_before_the_normalizer_is_berts_own_for_every_character(strip: bool | None, lower: bool) -> None:
    own = normalizers.BertNormalizer(strip_accents=strip, lowercase=lower)
    expected = normalizers.Sequence([normalizers.Lowercase(), own])
    content = {"lowercase": lower, "strip_accents": strip}
    made = with_lower_case({"normalizer": content})["normalizer"]
    got = normalizers.BertNormalizer(strip_accents=made["strip_accents"], lowercase=made["lowercase"])
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    for start in range(0, len(characters), 4096):
        text = "a".join(characters[start : start + 4096])
        assert got.normalize_str(text) == expected.normalize_str(text)


def test_sentence_transformers_lower_case_and_length_are_carried(make: Make) -> None:
    folder = make("BertModel")
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    places = [
        {"idx": i, "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(modules)
    ]
    write(folder, "modules.json", places)
    write(folder, "1_Pooling/config.json", {"pooling_mode_mean_tokens": True})
    write(folder, "sentence_bert_config.json", {"max_seq_length": 20, "do_lower_case": True})
    checkpoint = load(CheckpointLocation(str(folder)), find_task("feature-extraction"))
    assert checkpoint.tokenizer.record.max_length == 20
    assert checkpoint.provenance.read["sentence_bert_config.json"] == ("do_lower_case", "max_seq_length")
    encoder = checkpoint.tokenizer.encoder()
    assert encoder.pieces("A [MASK] B").ids.tolist() == encoder.pieces("a [MASK] b").ids.tolist()
    edit(folder, "sentence_bert_config.json", processing_kwargs={"text": {"truncation": False}})
    with pytest.raises(CheckpointError, match=r"sentence_bert_config\.json says processing_kwargs"):
        load(CheckpointLocation(str(folder)), find_task("feature-extraction"))


@pytest.mark.parametrize(("kinds", "length"), [(["Transformer", "Pooling"], 32), (["Transformer"], 20)])
def test_a_head_on_a_model_for_vectors_keeps_the_tokenizers_length(make: Make, kinds: list[str], length: int) -> None:
    folder = make()
    paths = {"Transformer": "", "Pooling": "1_Pooling"}
    (folder / "1_Pooling").mkdir()
    places = [{"path": paths[kind], "type": f"sentence_transformers.models.{kind}"} for kind in kinds]
    write(folder, "modules.json", places)
    write(folder, "sentence_bert_config.json", {"max_seq_length": 20, "do_lower_case": False})
    assert load(CheckpointLocation(str(folder)), QA).tokenizer.record.max_length == length
