"""The C++ text encoder against the Python one: rows, truncation, windows, templates, and the same refusals."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cpp.peer import MINILM, Json, Peer, added, changed, written
from tests.tokenizer_files import record_of, text_encoder
from tokenizers import Tokenizer, processors

from bert_runtime.errors import BundleError, InputError

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


@pytest.mark.parametrize("max_length", [3, 4, 5, 8, 13, 64])
def test_rows_are_cut_and_filled_as_in_python(peer: Peer, max_length: int) -> None:
    generator, encoder = random.Random(max_length), text_encoder(MINILM, max_length)
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
    assert answers == [{"input_error": str(caught.value)}]


POST_PROCESSORS: dict[str, Json | None] = {
    "the file's": json.loads(MINILM.read_text(encoding="utf-8"))["post_processor"],
    "BertProcessing": post_processor(processors.BertProcessing(("[SEP]", 102), ("[CLS]", 101))),
    "two tokens in front": post_processor(template("[CLS] [SEP] $A [SEP]", "[CLS] [SEP] $A [SEP] $B:1 [SEP]:1")),
    "nothing in front": post_processor(template("$A [SEP]", "$A [SEP] $B:1 [SEP]:1")),
    "nothing behind": post_processor(template("[CLS] $A", "[CLS] $A [SEP] $B:1")),
    "nothing between": post_processor(template("[CLS] $A [SEP]", "[CLS] $A $B:1 [SEP]:1")),
    "one type": post_processor(template("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]")),
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
        expected = {"bundle_error": str(error)}
    assert peer(path, [{"verb": "facts"}], record_of(path, 64)) == [expected]


def test_a_model_too_short_for_the_special_tokens_is_refused_in_the_same_words(peer: Peer) -> None:
    with pytest.raises(BundleError) as caught:
        text_encoder(MINILM, 2)
    assert peer(MINILM, [{"verb": "facts"}], record_of(MINILM, 2)) == [{"bundle_error": str(caught.value)}]


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
    answers = peer(MINILM, [{"verb": "bytes", "hex": broken.hex()}, {"verb": "bytes", "hex": "61"}])
    assert answers[0] == {"input_error": f"text {problem}, expected text that UTF-8 can write"}
    assert answers[1]["ids"] == [1037]


def edit(*path: str | int, to: Any) -> Callable[[Json], None]:
    def change(record: Json) -> None:
        place: Any = record
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


def remove(*path: str) -> Callable[[Json], None]:
    def change(record: Json) -> None:
        place = record
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return change


REFUSED: dict[str, tuple[Callable[[Json], None], str]] = {
    "another model": (edit("model", "type", to="BPE"), "model is BPE, expected WordPiece; export a BERT checkpoint"),
    "no model": (remove("model"), "model is None, expected WordPiece"),
    "a model that is a number": (edit("model", to=3), "model is None, expected WordPiece"),
    "another normalizer": (edit("normalizer", to={"type": "NFKC"}), "normalizer is NFKC, expected BertNormalizer"),
    "a flag that is a number": (
        edit("normalizer", "lowercase", to=1),
        "normalizer.lowercase is 1, expected true or false",
    ),
    "no flag": (remove("normalizer", "clean_text"), "normalizer.clean_text is null, expected true or false"),
    "another pre-tokenizer": (
        edit("pre_tokenizer", to={"type": "Whitespace"}),
        "pre_tokenizer is Whitespace, expected Bert",
    ),
    "no pre-tokenizer": (edit("pre_tokenizer", to=None), "pre_tokenizer is null, expected BertPreTokenizer"),
    "another decoder": (edit("decoder", to={"type": "ByteLevel"}), "decoder is ByteLevel, expected WordPiece"),
    "another post-processor": (
        edit("post_processor", to={"type": "RobertaProcessing"}),
        "post-processor is RobertaProcessing",
    ),
    "another version": (edit("version", to="2.0"), 'version is "2.0", expected 1.0'),
    "an id below 0": (
        edit("model", "vocab", "the", to=-1),
        'model.vocab["the"] is -1, expected an id from 0 to 4294967295',
    ),
    "an id of 33 bits": (edit("model", "vocab", "the", to=2**32), "is 4294967296, expected an id"),
    "an id beyond 64 bits": (edit("model", "vocab", "the", to=10**19 * 9), "expected an id"),
    "an id that is a text": (edit("model", "vocab", "the", to="7"), 'is "7", expected an id'),
    "an id of two tokens": (edit("model", "vocab", "the", to=7), "gives id 7 to '[unused6]' and to 'the'"),
    "a vocabulary that is a list": (
        edit("model", "vocab", to=["a"]),
        'model.vocab is ["a"], expected tokens with their ids',
    ),
    "no unknown token": (edit("model", "unk_token", to="[NO]"), "lacks the unknown token '[NO]'"),
    "a length below 0": (
        edit("model", "max_input_chars_per_word", to=-1),
        "max_input_chars_per_word is -1, expected a whole",
    ),
    "added tokens that are none": (edit("added_tokens", to=[3]), "added_tokens[0].content is null, expected a string"),
    "added tokens in no list": (edit("added_tokens", to={}), "added_tokens is {}, expected a list"),
    "an empty added token": (edit("added_tokens", to=[added(30522, "")]), "added token '' is empty once normalised"),
    "an added token that normalises to nothing": (
        edit("added_tokens", to=[added(30522, "\u0301", normalized=True)]),
        "is empty once normalised",
    ),
    "added tokens found as one": (
        edit("added_tokens", to=[added(30522, "Foo", normalized=True), added(30523, "FOO", normalized=True)]),
        "'Foo' and 'FOO' are found as the same text",
    ),
    "an added token twice": (
        edit("added_tokens", to=[added(103, "[MASK]")] * 2),
        "has id 103, expected an id of its own",
    ),
    "an added token's own id": (edit("added_tokens", to=[added(40000, "!new")]), "'!new' has id 40000, expected 30522"),
    "a template without ids": (edit("post_processor", "special_tokens", to={}), "has no ids for '[CLS]'"),
    "a template with an id too large": (
        edit("post_processor", "special_tokens", "[CLS]", "ids", to=[30522]),
        "adds id 30522, expected one of the vocabulary",
    ),
    "a template of a million ids": (
        edit("post_processor", "special_tokens", "[CLS]", "ids", to=[0] * 10**6),
        "has no ids for '[CLS]'",
    ),
    "a template that adds many": (
        edit("post_processor", "single", to=[{"SpecialToken": {"id": "[CLS]", "type_id": 0}}] * 70000),
        "adds too many tokens",
    ),
    "a sequence C": (
        edit("post_processor", "single", 1, to={"Sequence": {"id": "C", "type_id": 0}}),
        "sequence C, expected A",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_berts_is_refused_by_name(peer: Peer, tmp_path: Path, name: str) -> None:
    change, message = REFUSED[name]
    [answer] = peer(changed(tmp_path / "tokenizer.json", change), [{"verb": "facts"}])
    assert answer["bundle_error"].startswith("tokenizer.json: ")
    assert message in answer["bundle_error"]
    assert answer["bundle_error"].count("export ") == 1


def test_all_that_is_wrong_is_told_at_once(peer: Peer, tmp_path: Path) -> None:
    def change(record: Json) -> None:
        record["normalizer"]["type"], record["decoder"]["type"] = "Lowercase", "BPEDecoder"
        record["pre_tokenizer"] = record["model"]["max_input_chars_per_word"] = None

    [answer] = peer(changed(tmp_path / "tokenizer.json", change), [{"verb": "facts"}])
    for part in ("Lowercase", "BPEDecoder", "pre_tokenizer is null", "max_input_chars_per_word is null"):
        assert part in answer["bundle_error"]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        '{"model": {"type": "WordPiece"}}',
        '{"model": 3}',
        "[" * 100_000,
        '{"model":' * 100_000,
        '{"model": {"type": "WordPiece", "vocab": {"a": 1, "a": 2}}}',
        '{"model": {"type": "WordPiece", "vocab": {"a": 1e999}}}',
        '{"model": {"type": "WordPiece", "vocab": {1: 1}}}',
        '{"model": {"type": "WordPiece", "vocab": {"\\ud800": 1}}}',
        '{"model": {"type": "WordPiece", "vocab": {"a": ' + "9" * 5000 + "}}}",
    ],
    ids=range(14),
)
def test_a_broken_file_is_a_bundle_error(peer: Peer, tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8")
    [answer] = peer(path, [{"verb": "facts"}])
    assert answer["bundle_error"].startswith("tokenizer.json: ")


def test_a_missing_file_is_a_bundle_error(peer: Peer, tmp_path: Path) -> None:
    [answer] = peer(tmp_path / "tokenizer.json", [{"verb": "facts"}])
    assert answer["bundle_error"].startswith("tokenizer.json: ")


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
