"""The C++ text encoder against the Python one: rows, truncation, windows, templates, and the same refusals."""

from __future__ import annotations

import itertools
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from tests.cpp.peer import Peer
from tests.cpp.strings import all_code_points, mixtures
from tests.faults import faults_of
from tests.hostile_tokenizers import BROKEN, REFUSED
from tests.tokenizer_files import MINILM, Json, added, changed, record_of, text_encoder, written
from tokenizers import Tokenizer, processors

from bert_runtime.errors import BundleError, InputError
from bert_runtime.text import TextEncoder

SPECIAL = [("[CLS]", 101), ("[SEP]", 102)]
PAIR = "[CLS] $A [SEP] $B:1 [SEP]:1"


def post_processor(made: processors.PostProcessor) -> Json:
    """As a tokenizer.json has it."""
    tokenizer = Tokenizer.from_file(str(MINILM))
    tokenizer.post_processor = made
    record: Json = json.loads(tokenizer.to_str())["post_processor"]
    return record


def template(single: str, pair: str) -> processors.PostProcessor:
    return processors.TemplateProcessing(single=single, pair=pair, special_tokens=SPECIAL)


def words(generator: random.Random, most: int) -> str:
    return " ".join(
        generator.choices(["a", "unaffable", "[MASK]", "é", "playing", "日本"], k=generator.randrange(most))
    )


SETTINGS: dict[str, Json] = {
    "usual": {},
    "left": {"truncation_side": "left"},
    "no types": {"pair_type_ids": (0, 0)},
    "lower case": {"lower_case": True},
    "all": {"truncation_side": "left", "pair_type_ids": (0, 0), "lower_case": True},
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("max_length", [3, 4, 5, 8, 13, 64])
def test_rows_are_cut_and_filled_as_in_python(peer: Peer, max_length: int, name: str) -> None:
    generator = random.Random(max_length)
    encoder = TextEncoder.from_file(MINILM, replace(record_of(MINILM, max_length), **SETTINGS[name]))
    pairs = [(words(generator, 40), generator.choice([None, words(generator, 40)])) for _ in range(200)]
    answers = peer(MINILM, [{"verb": "row", "first": a, "second": b} for a, b in pairs], encoder.record)
    for (first, second), answer in zip(pairs, answers, strict=True):
        kept = encoder.truncate(encoder.pieces(first), None if second is None else encoder.pieces(second))
        row = encoder.row(*kept)
        expected = {
            "ids": row.ids.tolist(),
            "type_ids": row.type_ids.tolist(),
            "first": [row.first.start, row.first.stop],
        }
        if row.second is not None:
            expected["second"] = [row.second.start, row.second.stop]
        assert answer == expected


SIGMAS = ("Σ", "ΑΣ", "Σ.", "'", ":", "\u0345", "\u0301", "\u00ad", "ª", "ǅ", "İ", "\u200d", "A", "1", " ", "ΌΣΟΣ", "ϴ")


def test_every_code_point_and_random_texts_are_lower_cased_as_in_python(peer: Peer) -> None:
    generator = random.Random(20261130)
    texts = [*all_code_points(generator), *mixtures(generator, 10_000)]
    texts += ["".join(generator.choices(SIGMAS, k=generator.randrange(1, 9))) for _ in range(10_000)]
    answers = peer(MINILM, ({"verb": "lower", "text": text} for text in texts))
    assert answers == [text.lower() for text in texts]


def test_pieces_of_lower_cased_texts_are_those_of_python(peer: Peer, tmp_path: Path) -> None:
    cased = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "lowercase": False,
        "strip_accents": None,
    }
    path = written(tmp_path / "tokenizer.json", normalizer=cased)
    encoder = TextEncoder.from_file(path, replace(record_of(path), lower_case=True))
    generator = random.Random(7)
    parts = [*SIGMAS, "The", "PLAYING", "É", "[MASK]", "日本", " ", "Ⱥ", "\u212a"]
    texts = ["".join(generator.choices(parts, k=generator.randrange(12))) for _ in range(3000)]
    for text, answer in zip(
        texts, peer(path, [{"verb": "encode", "text": t} for t in texts], encoder.record), strict=True
    ):
        pieces = encoder.pieces(text)
        characters = pieces.offsets.ravel().tolist()
        assert (answer["ids"], answer["words"]) == (pieces.ids.tolist(), pieces.words.tolist()), ascii(text)
        assert answer["offsets"] == characters, ascii(text)
        assert answer["bytes"] == [len(text[:place].encode()) for place in characters], ascii(text)


@pytest.mark.parametrize("given", [{"pad_id": 40_000}, {"mask_id": 40_000}, {"pad_id": 99_999, "mask_id": 2**31 - 1}])
def test_ids_without_a_token_are_refused_in_the_same_words(peer: Peer, given: Json) -> None:
    record = replace(record_of(MINILM), **given)
    with pytest.raises(BundleError) as caught:
        TextEncoder.from_file(MINILM, record)
    assert peer(MINILM, [{"verb": "facts"}], record) == [{"bundle_error": faults_of(caught.value)}]


def test_special_tokens_of_other_names_are_found_by_their_ids(peer: Peer, tmp_path: Path) -> None:
    names = {"[CLS]": "<s>", "[SEP]": "</s>", "[PAD]": "<pad>", "[MASK]": "<mask>", "[UNK]": "<unk>"}
    content = MINILM.read_text(encoding="utf-8")
    for old, new in names.items():
        content = content.replace(json.dumps(old), json.dumps(new))
    record = json.loads(content)
    next(token for token in record["added_tokens"] if token["content"] == "<mask>")["lstrip"] = True
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    encoder = TextEncoder.from_file(path, replace(record_of(path), mask_id=103))
    texts = ["a <mask> b", "  <mask><mask> </s> <s>x", "[MASK] \t<mask>", "<unk> xyzzyq 🎬"]
    facts, *answers = peer(
        path, [{"verb": "facts"}, *({"verb": "encode", "text": text} for text in texts)], encoder.record
    )
    assert facts["mask_token"] == encoder.mask_token == "<mask>"
    for text, answer in zip(texts, answers, strict=True):
        pieces = encoder.pieces(text)
        assert (answer["ids"], answer["offsets"]) == (pieces.ids.tolist(), pieces.offsets.ravel().tolist())


def test_windows_are_those_of_python(peer: Peer) -> None:
    encoder = text_encoder(MINILM, 64)
    asked = [(n, room, s) for n in (0, 1, 9, 10, 11, 57) for room in (1, 3, 10) for s in range(room)]
    answers = peer(MINILM, [{"verb": "windows", "length": n, "room": room, "stride": s} for n, room, s in asked])
    for (length, room, stride), answer in zip(asked, answers, strict=True):
        expected = [[part.start, part.stop] for part in encoder.windows(length, room, stride)]
        assert answer == list(itertools.chain.from_iterable(expected))


def test_windows_that_would_not_advance_are_refused_in_the_same_words(peer: Peer) -> None:
    with pytest.raises(InputError) as caught:
        list(text_encoder(MINILM, 64).windows(10, 4, 4))
    answers = peer(MINILM, [{"verb": "windows", "length": 10, "room": 4, "stride": 4}])
    assert answers == [{"input_error": faults_of(caught.value)}]


POST_PROCESSORS: dict[str, Json | None] = {
    "the file's": json.loads(MINILM.read_text(encoding="utf-8"))["post_processor"],
    "BertProcessing": post_processor(processors.BertProcessing(("[SEP]", 102), ("[CLS]", 101))),
    "two tokens in front": post_processor(template("[CLS] [SEP] $A [SEP]", "[CLS] [SEP] $A [SEP] $B:1 [SEP]:1")),
    "nothing in front": post_processor(template("$A [SEP]", "$A [SEP] $B:1 [SEP]:1")),
    "nothing behind": post_processor(template("[CLS] $A", "[CLS] $A [SEP] $B:1")),
    "nothing between": post_processor(template("[CLS] $A [SEP]", "[CLS] $A $B:1 [SEP]:1")),
    "one type": post_processor(template("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]")),
    "one type, of more tokens": post_processor(template("[CLS] $A [SEP]", "[CLS] $A [SEP] [SEP] $B [SEP]")),
    "the type changes early": post_processor(template("[CLS] $A [SEP]", "[CLS] $A [SEP]:1 $B:1 [SEP]:1")),
    "the second text first": post_processor(template("[CLS] $A [SEP]", "[CLS] $B [SEP] $A:1 [SEP]:1")),
    "one text twice": post_processor(template("[CLS] $A [SEP] $A [SEP]", PAIR)),
    "no text": post_processor(template("[CLS] [SEP]", PAIR)),
    "none": None,
}


@pytest.mark.parametrize("name", POST_PROCESSORS)
def test_templates_are_read_or_refused_as_in_python(peer: Peer, tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "tokenizer.json", post_processor=POST_PROCESSORS[name])
    expected: Json
    try:
        encoder = text_encoder(path, 64)
        single, pair = (
            [list(group) for group in groups] for groups in (encoder.template.single, encoder.template.pair)
        )
        rooms = {"room": encoder.room(), "pair_room": encoder.room(pair=True)}
        ids = {"mask_token": encoder.mask_token, "size": encoder.vocabulary_size}
        expected = {"single": single, "pair": pair, **rooms, **ids}
    except BundleError as error:
        expected = {"bundle_error": faults_of(error)}
    assert peer(path, [{"verb": "facts"}], record_of(path, 64)) == [expected]


def test_a_model_too_short_for_the_special_tokens_is_refused_in_the_same_words(peer: Peer) -> None:
    with pytest.raises(BundleError) as caught:
        text_encoder(MINILM, 2)
    assert peer(MINILM, [{"verb": "facts"}], record_of(MINILM, 2)) == [{"bundle_error": faults_of(caught.value)}]


def test_tokens_and_ids_are_looked_up_alike(peer: Peer, tmp_path: Path) -> None:
    tokens = [added(103, "[MASK]", special=True), added(30522, "Füße", normalized=True), added(30523, "x y")]
    path = written(tmp_path / "tokenizer.json", added_tokens=tokens)
    encoder = text_encoder(path, 64)
    ids = [-1, 0, 103, 30521, 30522, 30523, 30524, 2**31, 2**32, 2**62]
    names = ["[MASK]", "Füße", "fuße", "x y", "##ing", "", "the", "no such token"]
    answers = peer(path, [{"verb": "token", "id": i} for i in ids] + [{"verb": "token_id", "token": n} for n in names])
    own_tokens = [encoder.token(i) if 0 <= i < 2**32 else "" for i in ids]
    own_ids = [-1 if (found := encoder.token_id(name)) is None else found for name in names]
    assert answers == own_tokens + own_ids


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (b"ab\xed\xa0\x80c", "has a lone surrogate at character 2"),
        ("é".encode() + b"\xed\xbf\xbf", "has a lone surrogate at character 1"),
        (b"\xff", "is no UTF-8 at byte 0"),
        (b"abcdefgh\x80", "is no UTF-8 at byte 8"),
        (b"\xc0\x80", "is no UTF-8 at byte 0"),
        (b"\xc1\xbf", "is no UTF-8 at byte 0"),
        (b"a\xe0\x80\x80", "is no UTF-8 at byte 1"),
        (b"\xf0\x8f\xbf\xbf", "is no UTF-8 at byte 0"),
        (b"\xf4\x90\x80\x80", "is no UTF-8 at byte 0"),
        (b"\xf5\x80\x80\x80", "is no UTF-8 at byte 0"),
        ("日".encode()[:2], "is no UTF-8 at byte 0"),
        ("😀".encode()[:3], "is no UTF-8 at byte 0"),
        (b"\xe6\x97a", "is no UTF-8 at byte 0"),
    ],
)
def test_text_that_is_no_utf8_is_refused_with_its_place(peer: Peer, broken: bytes, problem: str) -> None:
    questions: list[Json] = [{"verb": "bytes", "hex": broken.hex()}, {"verb": "bytes", "hex": "61"}]
    answers = peer(MINILM, questions)
    assert answers[0] == {"input_error": [["not-utf8", "text"]]}
    assert peer.words(MINILM, questions) == f"text {problem}, expected text that UTF-8 can write"
    assert answers[1]["ids"] == [1037]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_berts_is_refused_in_the_words_of_python(peer: Peer, tmp_path: Path, name: str) -> None:
    path = changed(tmp_path / "tokenizer.json", REFUSED[name][0])
    with pytest.raises(BundleError) as caught:
        text_encoder(path)
    assert peer(path, [{"verb": "facts"}]) == [{"bundle_error": faults_of(caught.value)}]


def test_all_that_is_wrong_is_told_at_once(peer: Peer, tmp_path: Path) -> None:
    def change(record: Json) -> None:
        record["normalizer"]["type"], record["decoder"]["type"] = "Nmt", "BPEDecoder"
        record["pre_tokenizer"] = record["model"]["max_input_chars_per_word"] = None

    words = peer.words(changed(tmp_path / "tokenizer.json", change), [{"verb": "facts"}])
    for part in ("Nmt", "BPEDecoder", "pre_tokenizer is null", "max_input_chars_per_word is null"):
        assert part in words


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_a_bundle_error(peer: Peer, tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BundleError) as caught:
        text_encoder(path)
    assert peer(path, [{"verb": "facts"}]) == [{"bundle_error": faults_of(caught.value)}]


def test_a_missing_file_is_a_bundle_error(peer: Peer, tmp_path: Path) -> None:
    [answer] = peer(tmp_path / "tokenizer.json", [{"verb": "facts"}])
    assert answer == {"bundle_error": [["unreadable", "tokenizer.json"]]}


def test_a_vocabulary_of_a_million_with_holes_is_read(peer: Peer, tmp_path: Path) -> None:
    def change(record: Json) -> None:
        record["model"]["vocab"] |= {f"w{i}": 40_000 + 4_000 * i for i in range(1_000_000)}

    path = changed(tmp_path / "tokenizer.json", change)
    questions: list[Json] = [
        {"verb": "encode", "text": "w999999"},
        {"verb": "token", "id": 41_000},
        {"verb": "facts"},
    ]
    encoded, hole, facts = peer(path, questions)
    assert encoded["ids"] == [40_000 + 4_000 * 999_999]
    assert (hole, facts["size"]) == ("", 1_030_522)
