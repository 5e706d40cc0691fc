"""Tokenizers of one file, in C++ and in the tokenizers library, asked the same."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.cpp.made_tokenizers import FAMILIES, content_of, vocabulary_of
from tests.cpp.peer import Peer
from tests.cpp.test_tokenizer import expected, in_bytes
from tests.tokenizer_files import Json
from tokenizers import Tokenizer

from bert_runtime.tokenizer_record import TokenizerRecord

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


def precompiled(made: bytes) -> Json:
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(made).decode()}
