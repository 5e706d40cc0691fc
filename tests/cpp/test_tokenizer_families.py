"""The C++ tokenizers of every family against the tokenizers library: ids, words and offsets are equal on every text."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.cpp.compared import MORE_TOKENS, NOUNS, SEED, TOKENS, differences, family, pieces, precompiled, record, saved
from tests.cpp.made_tokenizers import FAMILIES, nmt_nfkc, with_more_tokens
from tests.cpp.peer import Peer
from tests.cpp.strings import all_code_points, mixtures
from tests.tokenizer_files import record_of
from tokenizers import Tokenizer

from bert_runtime.text import TextEncoder
from bert_runtime.tokenizer_record import TokenizerRecord


@pytest.mark.parametrize("name", FAMILIES)
def test_mixed_texts_are_tokenised_alike(peer: Peer, tmp_path: Path, name: str) -> None:
    chance = random.Random(f"{SEED} {name}")
    texts = [*mixtures(chance, 1200, TOKENS), *pieces(chance, family(name), 300)]
    assert differences(peer, saved(tmp_path, family(name)), texts) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_hundred_thousand_texts_are_tokenised_alike(peer: Peer, tmp_path: Path, name: str) -> None:
    chance = random.Random(f"{SEED} {name} more")
    texts = [*mixtures(chance, 90_000, TOKENS), *pieces(chance, family(name), 10_000)]
    assert differences(peer, saved(tmp_path, family(name)), texts) == []


@pytest.mark.parametrize("name", ["roberta with a prefix", "modernbert", "camembert"])
def test_every_code_point_is_tokenised_alike(peer: Peer, tmp_path: Path, name: str) -> None:
    texts = list(all_code_points(random.Random(SEED)))
    assert differences(peer, saved(tmp_path, family(name)), texts) == []


@pytest.mark.parametrize("name", FAMILIES)
def test_added_tokens_are_found_alike(peer: Peer, tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, with_more_tokens(family(name), MORE_TOKENS))
    parts = [*MORE_TOKENS, "<mask>", "Fin", "fin", "a", "_", "ı", "²", "\u200d", *" " * 8, "\n"]
    chance = random.Random(f"{SEED} {name} added")
    texts = ["".join(chance.choices(parts, k=chance.randrange(1, 12))) for _ in range(800)]
    assert differences(peer, path, texts) == []


@pytest.mark.parametrize("name", FAMILIES)
def test_rows_of_texts_and_pairs_are_those_of_python(peer: Peer, tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, family(name))
    chance = random.Random(f"{SEED} {name} rows")
    texts = list(mixtures(chance, 120, TOKENS))
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
        [chance.randrange(reference.get_vocab_size() + 2) for _ in range(chance.randrange(15))] for _ in range(400)
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
def test_a_long_word_takes_linear_time(program: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, family(name))
    short, long = ([part * (size // len(part)) + "é" for part in PARTS] for size in (20_000, 200_000))
    times = microseconds(program("tokenizer_speed"), path, [*short, *long])
    for part, one, ten in zip(PARTS, times, times[len(PARTS) :], strict=False):
        assert ten < 40 * one + 20_000, (part, one, ten)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_word_of_a_megabyte_takes_linear_time(program: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, family(name))
    short, long = ([part * (size // len(part.encode())) for part in PARTS] for size in (100_000, 1_000_000))
    times = microseconds(program("tokenizer_speed"), path, [*short, *long])
    for part, one, ten in zip(PARTS, times, times[len(PARTS) :], strict=False):
        assert ten < 40 * one + 20_000, (part, one, ten)


SPACES = {"  ": {"rstrip": True}, "\u00a0\u00a0": {"rstrip": True, "normalized": True}}
"""Added tokens that are found in the spaces that the one before took."""


@pytest.mark.parametrize("name", ["roberta", "roberta with a prefix", "mpnet"])
def test_tokens_of_spaces_that_overlap_have_equal_offsets(peer: Peer, tmp_path: Path, name: str) -> None:
    path = saved(tmp_path, with_more_tokens(family(name), SPACES))
    chance = random.Random(f"{SEED} {name} spaces")
    parts = ["  ", "\u00a0\u00a0", " ", "\u00a0", "\u2003", "\n", "a", "é", "<mask>"]
    texts = ["".join(chance.choices(parts, k=chance.randrange(1, 24))) for _ in range(1500)]
    assert differences(peer, path, texts) == []


@pytest.mark.parametrize("name", ["roberta", "roberta with a prefix"])
def test_tokens_of_spaces_that_overlap_take_linear_time(
    program: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    path = saved(tmp_path, with_more_tokens(family(name), SPACES))
    short, long = ([" " * size, "é" + "\u00a0" * size] for size in (20_000, 200_000))
    times = microseconds(program("tokenizer_speed"), path, [*short, *long])
    for one, ten in zip(times, times[2:], strict=False):
        assert ten < 40 * one + 20_000, (one, ten)


def test_the_tables_are_what_the_installed_library_does() -> None:
    script = Path(__file__).parents[2] / "runtime" / "cpp" / "tools" / "make_class_tables.py"
    done = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_map_of_the_tests_is_taken(tmp_path: Path) -> None:
    path = saved(tmp_path, family("xlm-roberta") | {"normalizer": precompiled(nmt_nfkc())})
    assert TextEncoder.from_file(path, record_of(path)).pieces("ﬁn①").ids.tolist()
