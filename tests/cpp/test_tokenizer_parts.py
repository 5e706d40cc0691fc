"""Each part of a tokenizer.json in C++ against the tokenizers library, one at a time and in sequences."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import pytest
from tests.cpp.compared import NOUNS, SEED, TOKENS, differences, family, precompiled, saved
from tests.cpp.made_tokenizers import charsmap, with_more_tokens
from tests.cpp.peer import Peer
from tests.cpp.strings import all_code_points, mixtures
from tests.tokenizer_files import Json

NORMALIZERS: Mapping[str, Json] = {
    **{kind: {"type": kind} for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents")},
    "Strip": {"type": "Strip", "strip_left": True, "strip_right": True},
    "Strip, left": {"type": "Strip", "strip_left": True, "strip_right": False},
    "Strip, right": {"type": "Strip", "strip_left": False, "strip_right": True},
    "Prepend": {"type": "Prepend", "prepend": "▁é"},
    "Replace": {"type": "Replace", "pattern": {"String": "e"}, "content": "ëe"},
    "Replace, of signs": {"type": "Replace", "pattern": {"String": "]"}, "content": ""},
    "Replace, of spaces": {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
    "accents": {"type": "Sequence", "normalizers": [{"type": k} for k in ("NFD", "StripAccents", "NFKC", "Lowercase")]},
    "all": {
        "type": "Sequence",
        "normalizers": [
            {"type": "NFKD"},
            {"type": "Replace", "pattern": {"String": "a"}, "content": "á b"},
            {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "lowercase": True},
            {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "É"}, {"type": "NFC"}]},
        ],
    },
}


@pytest.mark.parametrize("name", NORMALIZERS)
def test_normalizers_change_texts_alike(peer: Peer, tmp_path: Path, name: str) -> None:
    chance = random.Random(f"{SEED} {name}")
    path = saved(tmp_path, family("roberta") | {"normalizer": NORMALIZERS[name]})
    assert differences(peer, path, [*mixtures(chance, 500, TOKENS), *islice(all_code_points(chance), 1500)]) == []


GRAPHEMES = (
    "a",
    "é",
    "\u0301",
    "\u0300",
    "\u200d",
    "©",
    "™",
    "❤",
    "🇩",
    "가",
    "ᄀ",
    "ᅡ",
    "ᆨ",
    "क",
    "्",
    "ख",
    "ः",
    "\u0600",
)


def test_graphemes_end_alike(peer: Peer, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    replaced = {
        "a": "X",
        "\u0301": "",
        "©": "(c)",
        "™": "TM",
        "ᄀ": "g",
        "ᅡ": "a",
        "ᆨ": "gg",
        "क": "k",
        "ख": "",
        "\r": " ",
    }
    content = family("roberta") | {"normalizer": precompiled(charsmap(replaced))}
    parts = [*GRAPHEMES, "\r", "\n", "\u0093"]
    texts = ["".join(chance.choices(parts, k=chance.randrange(1, 9))) for _ in range(8000)]
    assert differences(peer, saved(tmp_path, content), texts) == []


def split(pattern: Json, behavior: str, invert: bool = False) -> Json:
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
GPT2 = {"Regex": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"}
BYTES = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": False}
PRE_TOKENIZERS: Mapping[str, Json | None] = {
    "none": None,
    **{kind: {"type": kind} for kind in ("BertPreTokenizer", "Whitespace", "WhitespaceSplit")},
    **{f"Punctuation, {each}": {"type": "Punctuation", "behavior": each} for each in BEHAVIORS},
    **{f"Digits, {each}": {"type": "Digits", "individual_digits": each} for each in (True, False)},
    **{f"Split, {each}": split({"String": "e"}, each) for each in BEHAVIORS},
    **{f"Split, {each}, the rest": split({"String": "[M"}, each, invert=True) for each in BEHAVIORS},
    "GPT-2 and bytes": {"type": "Sequence", "pretokenizers": [split(GPT2, "Isolated"), BYTES]},
    "GPT-2, removed": split(GPT2, "Removed", invert=True),
    "words and bytes": {
        "type": "Sequence",
        "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Digits", "individual_digits": True}, BYTES],
    },
    **{
        f"Metaspace, {scheme}, {cut}": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cut}
        for scheme in ("always", "first", "never")
        for cut in (True, False)
    },
    "Metaspace of e": {"type": "Metaspace", "replacement": "e"},
}


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_pre_tokenizers_cut_alike(peer: Peer, tmp_path: Path, name: str) -> None:
    chance = random.Random(f"{SEED} {name}")
    path = saved(tmp_path, with_more_tokens(family("xlm-roberta") | {"pre_tokenizer": PRE_TOKENIZERS[name]}, NOUNS))
    assert differences(peer, path, list(mixtures(chance, 500, TOKENS))) == []


def model(**changes: object) -> Json:
    """RoBERTa's without most of its alphabet."""
    whole: Json = family("roberta")["model"]
    kept = {t: i for t, i in whole["vocab"].items() if t not in "bcdfghijklmnpqĊ¼½"}
    merges = [pair for pair in whole["merges"] if all(part in kept for part in (*pair, "".join(pair)))]
    return whole | {"vocab": kept, "merges": merges} | changes


FALLBACK = {f"<0x{byte:02X}>": 5000 + byte for byte in range(256) if byte != 0x63}
MODELS: Mapping[str, Json] = {
    "no unknown token": model(),
    "unknown": model(unk_token="<unk>"),
    "unknown, fused": model(unk_token="<unk>", fuse_unk=True),
    "bytes": model(vocab={**model()["vocab"], **FALLBACK}, byte_fallback=True),
    "bytes and unknown": model(
        vocab={**model()["vocab"], **FALLBACK}, byte_fallback=True, unk_token="<unk>", fuse_unk=True
    ),
    "merges ignored": model(ignore_merges=True),
    "merges in strings": model(merges=[" ".join(pair) for pair in model()["merges"]]),
    "a merge twice": model(merges=[*model()["merges"], *model()["merges"][:20]]),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("pre_tokenizer", ["GPT-2 and bytes", "WhitespaceSplit"])
def test_byte_pairs_are_merged_alike(peer: Peer, tmp_path: Path, name: str, pre_tokenizer: str) -> None:
    chance = random.Random(f"{SEED} {name}")
    parts = {"added_tokens": [], "post_processor": family("xlm-roberta")["post_processor"]}
    content = family("roberta") | parts | {"model": MODELS[name], "pre_tokenizer": PRE_TOKENIZERS[pre_tokenizer]}
    texts = [*mixtures(chance, 500, TOKENS), *("".join(chance.choices("abcdetĠ ", k=60)) for _ in range(200))]
    assert differences(peer, saved(tmp_path, content), texts) == []


PROCESSORS: Mapping[str, Json] = {
    f"{kind}, {'prefixed' if prefix else 'plain'}": {
        "type": kind,
        "trim_offsets": True,
        "add_prefix_space": prefix,
        **({"sep": ["</s>", 2], "cls": ["<s>", 0]} if kind == "RobertaProcessing" else {"use_regex": True}),
    }
    for kind in ("RobertaProcessing", "ByteLevel")
    for prefix in (True, False)
}


@pytest.mark.parametrize("name", PROCESSORS)
@pytest.mark.parametrize("of", ["roberta with a prefix", "xlm-roberta", "unigram of bytes", "mpnet"])
def test_offsets_are_trimmed_alike(peer: Peer, tmp_path: Path, name: str, of: str) -> None:
    template = family("xlm-roberta")["post_processor"]
    chain = [PROCESSORS[name]] if "Roberta" in name else [PROCESSORS[name], PROCESSORS[name], template]
    content = with_more_tokens(family(of) | {"post_processor": {"type": "Sequence", "processors": chain}}, NOUNS)
    texts = list(mixtures(random.Random(f"{SEED} {name}"), 500, (*TOKENS, *NOUNS)))
    assert differences(peer, saved(tmp_path, content), texts) == []
