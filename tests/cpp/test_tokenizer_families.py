"""The C++ tokenizers of every family against the tokenizers library: ids, words and offsets are equal on every text."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest
from tests.cpp.made_tokenizers import FAMILIES, charsmap, content_of, nmt_nfkc, vocabulary_of, with_more_tokens
from tests.cpp.peer import Peer
from tests.cpp.strings import all_code_points, mixtures
from tests.cpp.test_tokenizer import expected, in_bytes
from tests.tokenizer_files import Json, record_of
from tokenizers import Tokenizer

from bert_runtime.text import TextEncoder, TokenizerRecord

SEED = 20261201
TOKENS = ("<mask>", "</s>", "[MASK]", "  ", "'ll", "12", "\r\n", "▁", "\u00a0", "'S")
NOUNS = {"<ent>": {"lstrip": True, "rstrip": True}, "Qua": {"single_word": True}, "ﬁn": {"normalized": True}}
MORE_TOKENS: Mapping[str, Mapping[str, bool]] = {
    **NOUNS,
    " q": {},
    "zz": {"rstrip": True, "normalized": True},
    "é": {"normalized": True, "special": True},
    "\u0301": {"lstrip": True},
    "_": {"single_word": True, "normalized": True},
}


@cache
def family(name: str) -> Json:
    return content_of(FAMILIES[name]())


def saved(folder: Path, content: Json) -> Path:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def record(path: Path) -> TokenizerRecord:
    return TokenizerRecord(path.name, 512, 0, None)


def differences(peer: Peer, path: Path, texts: Sequence[str]) -> list[str]:
    """The texts that the two do not tokenise alike."""
    reference = Tokenizer.from_file(str(path))
    answers = peer(path, ({"verb": "encode", "text": text} for text in texts), record(path))
    assert len(answers) == len(texts), answers[:1]
    found = []
    for text, answer in zip(texts, answers, strict=True):
        bytes_ = answer.pop("bytes", None)
        if answer != expected(reference, text) or bytes_ != in_bytes(text, answer["offsets"]):
            found.append(ascii(text))
    return found


def pieces(chance: random.Random, content: Json, count: int) -> list[str]:
    """Texts of tokens of the vocabulary, as they are and as bytes stand for them."""
    known = vocabulary_of(content)
    return ["".join(chance.choices(known, k=chance.randrange(1, 12))).replace("Ġ", " ") for _ in range(count)]


@pytest.mark.parametrize("name", FAMILIES)
def test_mixed_texts_are_tokenised_alike(peer: Peer, tmp_path: Path, name: str) -> None:
    chance = random.Random(f"{SEED} {name}")
    texts = [*mixtures(chance, 4000, TOKENS), *pieces(chance, family(name), 1000)]
    assert differences(peer, saved(tmp_path, family(name)), texts) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_hundred_thousand_texts_are_tokenised_alike(peer: Peer, tmp_path: Path, name: str) -> None:
    chance = random.Random(f"{SEED} {name} more")
    texts = [*mixtures(chance, 90_000, TOKENS), *pieces(chance, family(name), 10_000)]
    assert differences(peer, saved(tmp_path, family(name)), texts) == []


@pytest.mark.parametrize("name", FAMILIES)
def test_every_code_point_is_tokenised_alike(peer: Peer, tmp_path: Path, name: str) -> None:
    texts = list(all_code_points(random.Random(SEED)))
    assert differences(peer, saved(tmp_path, family(name)), texts) == []


@pytest.mark.parametrize("name", FAMILIES)
def test_added_tokens_are_found_alike(peer: Peer, tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, with_more_tokens(family(name), MORE_TOKENS))
    parts = [*MORE_TOKENS, "<mask>", "Fin", "fin", "a", "_", "ı", "²", "\u200d", *" " * 8, "\n"]
    chance = random.Random(f"{SEED} {name} added")
    texts = ["".join(chance.choices(parts, k=chance.randrange(1, 12))) for _ in range(2000)]
    assert differences(peer, path, texts) == []


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
    assert differences(peer, path, [*mixtures(chance, 3000, TOKENS), *all_code_points(chance)]) == []


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
    texts = ["".join(chance.choices(parts, k=chance.randrange(1, 9))) for _ in range(20_000)]
    assert differences(peer, saved(tmp_path, content), texts) == []


def precompiled(made: bytes) -> Json:
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(made).decode()}


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
    assert differences(peer, path, list(mixtures(chance, 2500, TOKENS))) == []


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
    texts = [*mixtures(chance, 2000, TOKENS), *("".join(chance.choices("abcdetĠ ", k=60)) for _ in range(500))]
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
    texts = list(mixtures(random.Random(f"{SEED} {name}"), 2000, (*TOKENS, *NOUNS)))
    assert differences(peer, saved(tmp_path, content), texts) == []


@pytest.mark.parametrize("name", FAMILIES)
def test_rows_of_texts_and_pairs_are_those_of_python(peer: Peer, tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, family(name))
    chance = random.Random(f"{SEED} {name} rows")
    texts = list(mixtures(chance, 300, TOKENS))
    for length, side in ((512, "right"), (9, "right"), (7, "left")):
        own = TextEncoder.from_file(path, TokenizerRecord(path.name, length, 0, None, side, (0, 0)))
        pairs = [(text, chance.choice([None, chance.choice(texts)])) for text in texts]
        answers = peer(path, [{"verb": "row", "first": a, "second": b} for a, b in pairs], own.record)
        for (first, second), answer in zip(pairs, answers, strict=True):
            row = own.row(*own.truncate(own.pieces(first), None if second is None else own.pieces(second)))
            assert (answer["ids"], answer["type_ids"]) == (row.ids.tolist(), row.type_ids.tolist())


@pytest.mark.parametrize("name", FAMILIES)
def test_ids_are_decoded_alike(peer: Peer, tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, with_more_tokens(family(name), NOUNS))
    reference, chance = Tokenizer.from_file(str(path)), random.Random(f"{SEED} {name} ids")
    lists = [
        [chance.randrange(reference.get_vocab_size() + 2) for _ in range(chance.randrange(15))] for _ in range(1500)
    ]
    for skip in (True, False):
        answers = peer(path, [{"verb": "decode", "ids": ids, "skip": skip} for ids in lists], record(path))
        assert answers == [reference.decode(ids, skip_special_tokens=skip) for ids in lists]


def test_scores_are_read_as_the_library_reads_them(peer: Peer, tmp_path: Path) -> None:
    """Two cuts whose scores differ in the last bit alone: the library's parser of JSON decides."""
    chance = random.Random(SEED)
    first = [-20 * chance.random() for _ in range(3000)]
    pairs = [["<unk>", 0.0], ["▁", -1.0]]
    texts = []
    for i, score in enumerate(first):
        one, other = chr(0x4E00 + 2 * i), chr(0x4E01 + 2 * i)
        pairs += [[one, score], [other, score / 3], [one + other, score + score / 3]]
        texts.append(one + other)
    content = family("xlm-roberta")
    content = content | {
        "model": {"type": "Unigram", "unk_id": 0, "vocab": pairs},
        "added_tokens": [],
        "normalizer": None,
    }
    content["post_processor"] = {"type": "BertProcessing", "cls": ["<unk>", 0], "sep": ["▁", 1]}
    assert differences(peer, saved(tmp_path, content), texts) == []


PARTS = ("a", "ab", "é", "\u0301", " ", "日", "'", "<mask>", "1", "a\u0301\u0323", "▁", "©\u200d")


def microseconds(program: Path, path: Path, texts: Sequence[str]) -> list[float]:
    """The CPU time of each text, the least of a few times."""
    lines = "".join(json.dumps({"text": text, "milliseconds": 1}) + "\n" for text in texts)
    done = subprocess.run([program, path], input=lines, capture_output=True, check=True, encoding="utf-8", timeout=600)
    return [min(json.loads(line)["microseconds"]) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_word_of_a_million_characters_takes_linear_time(
    program: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    spaces = {" ": {"lstrip": True, "rstrip": True, "normalized": True}, "  ": {"rstrip": True, "normalized": False}}
    path = saved(tmp_path, with_more_tokens(family(name), spaces))
    short, long = ([part * (size // len(part)) + "é" for part in PARTS] for size in (100_000, 1_000_000))
    times = microseconds(program("tokenizer_speed"), path, [*short, *long])
    for part, one, ten in zip(PARTS, times, times[len(PARTS) :], strict=False):
        assert ten < 40 * one + 20_000, (part, one, ten)


def test_the_tables_are_what_the_installed_library_does() -> None:
    script = Path(__file__).parents[2] / "runtime" / "cpp" / "tools" / "make_class_tables.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_map_of_the_tests_is_taken(tmp_path: Path) -> None:
    path = saved(tmp_path, family("xlm-roberta") | {"normalizer": precompiled(nmt_nfkc())})
    assert TextEncoder.from_file(path, record_of(path)).pieces("ﬁn①").ids.tolist()
