"""The C++ tokenizer against the tokenizers library: ids, words and offsets are equal on every text."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.cpp.peer import Peer
from tests.cpp.strings import CODE_POINTS, all_code_points, mixtures
from tests.tokenizer_files import MINILM, Json, added, written
from tokenizers import Tokenizer

CASES = Path(__file__).parent.parent / "cases"
GOLDEN = Path(__file__).parent.parent / "golden" / "v1"
SEED = 20261122


def settings(lowercase: bool, strip_accents: bool | None = None, clean: bool = True, chinese: bool = True) -> Json:
    return {
        "type": "BertNormalizer",
        "clean_text": clean,
        "handle_chinese_chars": chinese,
        "strip_accents": strip_accents,
        "lowercase": lowercase,
    }


NORMALIZERS = {
    "uncased": settings(True),
    "cased": settings(False),
    "lower case with accents": settings(True, strip_accents=False),
    "no accents in either case": settings(False, strip_accents=True, chinese=False),
    "uncased, nothing cleaned": settings(True, clean=False),
    "cased, nothing cleaned": settings(False, clean=False, chinese=False),
    "none": None,
}


def characters(path: Path, **parts: Any) -> Path:
    """A tokenizer with a piece for each letter, mark and number outside the large blocks: every character shows."""
    small = (char for char in CODE_POINTS if char < "\u3400" or "\U00010000" <= char < "\U0001f000")
    kept = [char for char in small if unicodedata.category(char)[0] in "LMN"]
    entries = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *kept, *(f"##{char}" for char in kept)]
    base = json.loads(MINILM.read_text(encoding="utf-8"))
    return written(
        path,
        model=base["model"] | {"vocab": {entry: i for i, entry in enumerate(entries)}},
        added_tokens=[added(i, entries[i], special=True) for i in range(5)],
        post_processor={"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        **parts,
    )


def expected(tokenizer: Tokenizer, text: str) -> Json:
    encoding = tokenizer.encode(text, add_special_tokens=False)
    return {
        "ids": encoding.ids,
        "offsets": list(itertools.chain.from_iterable(encoding.offsets)),
        "words": encoding.word_ids,
    }


def in_bytes(text: str, offsets: Sequence[int]) -> list[int]:
    starts = list(itertools.accumulate((len(char.encode()) for char in text), initial=0))
    return [starts[offset] for offset in offsets]


def assert_equal(peer: Peer, path: Path, texts: Sequence[str]) -> None:
    reference = Tokenizer.from_file(str(path))
    reference.no_padding()
    reference.no_truncation()
    answers = peer(path, ({"verb": "encode", "text": text} for text in texts))
    assert len(answers) == len(texts)
    for text, answer in zip(texts, answers, strict=True):
        bytes_ = answer.pop("bytes")
        assert answer == expected(reference, text), ascii(text)
        assert bytes_ == in_bytes(text, answer["offsets"]), ascii(text)


@pytest.mark.parametrize("name", ["uncased", "cased"])
def test_every_code_point_is_tokenised_alike(peer: Peer, tmp_path: Path, name: str) -> None:
    path = characters(tmp_path / "tokenizer.json", normalizer=NORMALIZERS[name])
    assert_equal(peer, path, list(all_code_points(random.Random(SEED))))


@pytest.mark.parametrize("name", NORMALIZERS)
def test_mixed_texts_are_tokenised_alike_with_every_normalizer(peer: Peer, tmp_path: Path, name: str) -> None:
    path = characters(tmp_path / "tokenizer.json", normalizer=NORMALIZERS[name])
    assert_equal(peer, path, list(mixtures(random.Random(f"{SEED} {name}"), 1500)))


@pytest.mark.parametrize("name", ["uncased", "cased"])
def test_a_real_vocabulary_gives_the_same_pieces(peer: Peer, tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "tokenizer.json", normalizer=NORMALIZERS[name])
    assert_equal(peer, path, list(mixtures(random.Random(f"{SEED} {name}"), 3000)))


@pytest.mark.parametrize("base", [CASES / "tiny_tokenizer.json", *sorted(GOLDEN.glob("*/tokenizer.json"))], ids=str)
def test_the_vocabularies_of_the_shared_cases_give_the_same_pieces(peer: Peer, base: Path) -> None:
    assert_equal(peer, base, list(mixtures(random.Random(SEED), 200)))


CLASHING = {
    "[MASK]": {"special": True, "lstrip": True},
    "masked": {"single_word": True},
    "Mask": {"normalized": True, "single_word": True},
    "İ\u0323x": {"normalized": True},
    "日本": {"normalized": True, "rstrip": True},
    " q": {},
    "zz": {"rstrip": True},
    "zzz": {"lstrip": True, "rstrip": True, "special": True},
    "é": {"normalized": True, "special": True},
    "e": {"single_word": True, "lstrip": True},
    "\u0301": {"lstrip": True},
    "_": {"single_word": True, "normalized": True},
}


@pytest.mark.parametrize("name", ["uncased", "cased", "none"])
def test_added_tokens_are_found_alike_whatever_they_take_with_them(peer: Peer, tmp_path: Path, name: str) -> None:
    base = json.loads(MINILM.read_text(encoding="utf-8"))
    vocabulary: dict[str, int] = base["model"]["vocab"]
    tokens: list[Json] = []
    for content, flags in CLASHING.items():
        number = len(vocabulary) + sum(token["id"] >= len(vocabulary) for token in tokens)
        tokens.append(added(vocabulary.get(content, number), content, **flags))
    path = written(tmp_path / "tokenizer.json", added_tokens=tokens, normalizer=NORMALIZERS[name])
    parts = [*CLASHING, *(part.upper() for part in CLASHING), "a", "_", "\u0301", "ı", "\u200d", "²", "٣"] * 2 + [
        " "
    ] * 20
    generator = random.Random(f"{SEED} {name}")
    texts = ["".join(generator.choices(parts, k=generator.randrange(1, 12))) for _ in range(3000)]
    assert_equal(peer, path, texts)


def test_ids_are_decoded_alike(peer: Peer) -> None:
    reference, generator = Tokenizer.from_file(str(MINILM)), random.Random(SEED)
    marks = [
        reference.token_to_id(token) for token in (".", "?", "'", "n", "##t", "do", "not", "s", "ve", "re", "m", ",")
    ]
    pool = [*marks * 200, 0, 100, 101, 102, 103, 30521, 30522, 4000000000, *range(0, 30522, 7)]
    lists = [generator.choices(pool, k=generator.randrange(20)) for _ in range(500)]
    for skip in (True, False):
        answers = peer(MINILM, [{"verb": "decode", "ids": ids, "skip": skip} for ids in lists])
        assert answers == [reference.decode(ids, skip_special_tokens=skip) for ids in lists]


@pytest.mark.parametrize(
    "decoder", [None, {"type": "WordPiece", "prefix": "", "cleanup": False}], ids=["none", "no prefix"]
)
def test_other_decoders_join_alike(peer: Peer, tmp_path: Path, decoder: Json | None) -> None:
    path = written(tmp_path / "tokenizer.json", decoder=decoder)
    ids = [[101, 2079, 2025, 3422, 2015, 1012], []]
    answers = peer(path, [{"verb": "decode", "ids": one, "skip": True} for one in ids])
    assert answers == [Tokenizer.from_file(str(path)).decode(one) for one in ids]


def test_every_shortening_of_the_decoder_is_applied_alike(peer: Peer, tmp_path: Path) -> None:
    shortened = [
        "do not",
        "a ' b",
        "n't",
        "'m",
        "'s",
        "'ve x",
        "'re",
        "a . b ? c ! d , e",
        "a ' ' b",
        "x do not do not",
    ]
    path = written(tmp_path / "tokenizer.json", added_tokens=[added(30522 + i, one) for i, one in enumerate(shortened)])
    reference = Tokenizer.from_file(str(path))
    lists = [[1037, 30522 + i, 1037] for i in range(len(shortened))] + [[30522 + i] for i in range(len(shortened))]
    answers = peer(path, [{"verb": "decode", "ids": ids, "skip": True} for ids in lists])
    assert answers == [reference.decode(ids) for ids in lists]


def test_the_tables_are_what_the_installed_library_does() -> None:
    script = Path(__file__).parents[2] / "runtime" / "cpp" / "tools" / "make_unicode_tables.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
