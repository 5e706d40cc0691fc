"""A thousand tokenizer.json files with something changed: both languages take or refuse each of them alike."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.cpp.compared import family, precompiled
from tests.cpp.made_tokenizers import charsmap
from tests.cpp.peer import Peer
from tests.faults import faults_of
from tests.tokenizer_files import Json

from bert_runtime.errors import BertError, BundleError
from bert_runtime.text import TextEncoder
from bert_runtime.tokenizer_record import TokenizerRecord

SEED = 20261201
KINDS = (
    *("BertNormalizer", "Lowercase", "NFC", "NFKD", "Precompiled", "Prepend", "Replace", "Sequence", "Strip", "Nmt"),
    *("BertPreTokenizer", "ByteLevel", "Digits", "Metaspace", "Punctuation", "Split", "Whitespace", "FixedLength"),
    *(
        "BertProcessing",
        "RobertaProcessing",
        "TemplateProcessing",
        "WordPiece",
        "BPE",
        "Unigram",
        "WordLevel",
        "BPEDecoder",
    ),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 1000, 1001, 2**31, 2**32 - 1, 2**32, 2**64, -(2**63) - 1, 0.0, -0.5, 1e300),
    *(
        "",
        " ",
        "a",
        "▁",
        "é",
        "never",
        "first",
        "Isolated",
        "Contiguous",
        "A",
        "B",
        "C",
        "<unk>",
        "\u0000",
        "a b",
        "a b c",
    ),
    *([], {}, [[]], {"String": ""}, {"String": "a"}, {"Regex": " {2,}"}, {"Regex": "a"}, {"String": "a", "Regex": "b"}),
    *(["<s>", 0], ["<s>", -1], ["a", -1.5], ["a", "b"], {"type": "Sequence"}, {"type": "NFC"}, {"type": "ByteLevel"}),
    *(
        "a" * 64,
        "a" * 65,
        "a" * 300,
        "日" * 100,
        "AAAAAA==",
        "AAAAAAA=",
        [0] * 20,
        [{"type": "NFKC"}] * 3,
        [{"type": "NFC"}] * 17,
    ),
)
TEXTS = ("A  naïve text's <mask>, 12 ﬁ①", "日本 \u0301a\r\n", "")


@cache
def bases() -> tuple[Json, ...]:
    """The families' tokenizers with short vocabularies."""
    made = []
    for name in ("roberta with a prefix", "modernbert", "xlm-roberta", "unigram of bytes", "mpnet"):
        content = copy.deepcopy(family(name))
        for part in (content["normalizer"] or {}).get("normalizers", ()):
            if part["type"] == "Precompiled":
                part.update(precompiled(charsmap({"ﬁ": "fi", "①": "1", "\t": " "})))
        made.append(content)
    return tuple(made)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a tree; of long lists and objects the first few and the last."""
    yield path
    if isinstance(value, dict | list):
        keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
        for key in keys if len(keys) < 20 else [*keys[:3], keys[-1]]:
            yield from places(value[key], (*path, key))


def mutated(chance: random.Random, content: Json) -> Json:
    """`content` with one to three changes."""
    made: Any = copy.deepcopy(content)
    for _ in range(chance.choice((1, 1, 1, 2))):
        path = chance.choice([place for place in places(made) if place])
        parent = made
        for key in path[:-1]:
            parent = parent[key]
        change(chance, parent, path[-1])
    return dict(made)


def change(chance: random.Random, parent: Any, key: Any) -> None:
    """Change a member of an object or a list."""
    how = chance.randrange(7)
    if how == 0:
        del parent[key]
    elif how == 1 and isinstance(parent[key], dict) and "type" in parent[key]:
        part = parent[key]
        lists = {name: [part, copy.deepcopy(part)] for name in ("normalizers", "pretokenizers", "processors")}
        parent[key] = {"type": "Sequence", **lists}
    elif how == 2 and isinstance(parent, list):
        parent.insert(chance.randrange(len(parent) + 1), copy.deepcopy(parent[key]))
    elif how == 3 and isinstance(parent, dict):
        parent[chance.choice(("type", "add_prefix_space", "prepend_scheme", "unk_id", "vocab", key + "x"))] = parent[
            key
        ]
    elif how == 4 or key == "type":
        parent[key] = chance.choice(KINDS)
    else:
        parent[key] = copy.deepcopy(chance.choice(VALUES))


def outcome(path: Path, record: TokenizerRecord) -> list[Any]:
    """What Python says of a file and of some texts."""
    try:
        own = TextEncoder.from_file(path, record)
    except BundleError as error:
        return [{"bundle_error": faults_of(error)}]
    found: list[Any] = []
    for text in TEXTS:
        try:
            found.append(own.pieces(text).ids.tolist())
        except BertError as error:
            found.append({"input_error": faults_of(error)})
    return found


def told(content: Json) -> str:
    """A mutant without its vocabulary, for a message."""
    model = content.get("model")
    rest = {k: v for k, v in model.items() if k not in ("vocab", "merges")} if isinstance(model, dict) else model
    return json.dumps({**content, "model": rest}, ensure_ascii=False)[:4000]


@pytest.mark.parametrize("share", range(4))
def test_both_languages_take_and_refuse_the_same_files(peer: Peer, tmp_path: Path, share: int) -> None:
    chance = random.Random(f"{SEED} {share}")
    path, taken = tmp_path / "tokenizer.json", 0
    for _ in range(250):
        content = mutated(chance, chance.choice(bases()))
        path.write_text(json.dumps(content), encoding="utf-8")
        record = TokenizerRecord(path.name, 64, 0, None)
        expected = outcome(path, record)
        answers = peer(path, [{"verb": "encode", "text": text} for text in TEXTS], record)
        ours = [answer.get("ids", answer) for answer in answers]
        assert ours == expected, told(content)
        taken += "bundle_error" not in expected[0]
    assert 5 < taken < 245
