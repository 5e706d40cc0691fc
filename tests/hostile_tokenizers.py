"""Files that are no tokenizer.json of BERT's, and what both languages say of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.tokenizer_files import Json, added

BROKEN: tuple[str, ...] = (
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
)
"""Contents that are no tokenizer.json at all."""


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


REPLACED: Json = {"type": "Replace", "pattern": {"String": "a"}, "content": "aaa"}
SLOW: Json = {"type": "Split", "pattern": {"Regex": "(x+x+)+y"}, "behavior": "Isolated", "invert": False}

REFUSED: dict[str, tuple[Callable[[Json], None], str]] = {
    "another model": (
        edit("model", "type", to="WordLevel"),
        "model is WordLevel, expected BPE, Unigram or WordPiece; export a checkpoint of a supported family",
    ),
    "no model": (remove("model"), "model is None, expected BPE, Unigram or WordPiece"),
    "a model that is a number": (edit("model", to=3), "model is None, expected BPE"),
    "a model that lacks its merges": (
        edit("model", "type", to="BPE"),
        "model.merges is null, expected a list of pairs",
    ),
    "a model that lacks its scores": (edit("model", "type", to="Unigram"), "expected tokens with their scores"),
    "another normalizer": (edit("normalizer", to={"type": "Nmt"}), "normalizer is Nmt, expected BertNormalizer, Lower"),
    "a flag that is a number": (
        edit("normalizer", "lowercase", to=1),
        "normalizer.lowercase is 1, expected true or false",
    ),
    "no flag": (remove("normalizer", "clean_text"), "normalizer.clean_text is null, expected true or false"),
    "another pre-tokenizer": (
        edit("pre_tokenizer", to={"type": "CharDelimiterSplit", "delimiter": " "}),
        "pre_tokenizer is CharDelimiterSplit, expected Bert",
    ),
    "no pre-tokenizer": (edit("pre_tokenizer", to=None), "pre_tokenizer is null, expected BertPreTokenizer"),
    "another decoder": (
        edit("decoder", to={"type": "CTC"}),
        "decoder is CTC, expected ByteLevel, Metaspace or WordPiece",
    ),
    "another post-processor": (
        edit("post_processor", to={"type": "RobertaTemplate"}),
        "post-processor is RobertaTemplate, expected BertProcessing",
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
    "an empty added token": (
        edit("added_tokens", to=[added(30522, "")]),
        'added_tokens[0].content is "", expected a string of 1 to 256 bytes',
    ),
    "a long added token": (edit("added_tokens", to=[added(30522, "a" * 257)]), "expected a string of 1 to 256 bytes"),
    "an added token that grows": (
        edit("added_tokens", to=[added(30522, "日" * 85, normalized=True)]),
        "has 425 bytes once normalised, expected 1 to 256",
    ),
    "an added token that normalises to nothing": (
        edit("added_tokens", to=[added(30522, "\u0301", normalized=True)]),
        "has 0 bytes once normalised",
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
    "a normalizer of a broken map": (
        edit("normalizer", to={"type": "Precompiled", "precompiled_charsmap": "AAAAAA=="}),
        "precompiled_charsmap is no character map of SentencePiece, expected one in base64",
    ),
    "a normalizer that makes a text grow": (
        edit("normalizer", to={"type": "Prepend", "prepend": "a" * 10**6}),
        "expected a string of 1 to 64 bytes",
    ),
    "a slow pattern": (
        edit("normalizer", to={"type": "Replace", "pattern": {"Regex": "(x+x+)+y"}, "content": ""}),
        'normalizer.pattern is {"Regex":"(x+x+)+y"}, expected {"String": ...} or {"Regex": " {2,}"}',
    ),
    "an unknown normalizer in others": (
        edit("normalizer", to={"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "Nmt"}]}),
        "normalizer is Nmt, expected BertNormalizer",
    ),
    "normalizers without end": (
        edit("normalizer", to={"type": "Sequence", "normalizers": [{"type": "NFC"}] * 16}),
        "normalizer has more than 16 parts, expected a few",
    ),
    "normalizers that make a text grow": (
        edit("normalizer", to={"type": "Sequence", "normalizers": [REPLACED] * 8}),
        "can make a text more than 1024 times longer, expected less",
    ),
    "a pattern of two kinds": (
        edit("normalizer", to={**REPLACED, "pattern": {"String": "a", "Regex": " {2,}"}}),
        "normalizer.pattern is",
    ),
    "an empty pattern": (edit("normalizer", to={**REPLACED, "pattern": {"String": ""}}), 'String is "", expected a'),
    "a pre-tokenizer that panics": (
        edit("pre_tokenizer", to={"type": "FixedLength", "length": 0}),
        "pre_tokenizer is FixedLength, expected BertPreTokenizer",
    ),
    "a pre-tokenizer of a slow pattern": (
        edit("pre_tokenizer", to=SLOW),
        'pre_tokenizer.pattern is {"Regex":"(x+x+)+y"}, expected {"String": ...} or the regular expression of GPT-2',
    ),
    "words without end": (
        edit("model", "max_input_chars_per_word", to=2**40),
        "max_input_chars_per_word is 1099511627776, expected a whole number of at most 1000",
    ),
    "a length that is a text": (
        edit("model", "max_input_chars_per_word", to="100"),
        'is "100", expected a whole number',
    ),
    "a template naming an unknown token": (
        edit("post_processor", "single", 0, to={"SpecialToken": {"id": "[GONE]", "type_id": 0}}),
        "has no ids for '[GONE]'",
    ),
    "a template element that is none": (edit("post_processor", "single", 0, to=3), "post_processor.id is null"),
    "a template that is no list": (edit("post_processor", "single", to={}), "post_processor.single is {}, expected a"),
    "an added token without flags": (
        edit("added_tokens", to=[{"id": 103, "content": "[MASK]"}]),
        "added_tokens[0].single_word is null, expected true or false",
    ),
    "a long value": (edit("model", "unk_token", to=["日本" * 40]), "model.unk_token is"),
    "a flood of added tokens": (
        edit("added_tokens", to=[3] * 70_000),
        "added_tokens has 70000 tokens, expected at most 65536",
    ),
    "a decoder without a prefix": (
        edit("decoder", to={"type": "WordPiece", "cleanup": True}),
        "decoder.prefix is null",
    ),
}
