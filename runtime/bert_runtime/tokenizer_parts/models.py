"""The model of a tokenizer.json."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from bert_runtime.tokenizer_parts.fields import Fields, Json, is_id, member, shown
from bert_runtime.tokenizer_parts.limits import LARGEST_SCORE, LONGEST_PIECE, LONGEST_WORD


def read_model(fields: Fields, part: object) -> Json:
    """The model with the members that its kind has."""
    found = member(part, "type")
    read = _KINDS.get(found) if isinstance(found, str) else None
    if read is None:
        got = found if isinstance(found, str) else "None" if found is None else shown(found)
        advice = "export a checkpoint of a supported family"
        fields.problem(f"the tokenizer's model is {got}, expected BPE, Unigram or WordPiece; {advice}")
        return {}
    return {"type": found, **read(fields, part)}


def _wordpiece(fields: Fields, part: object) -> Json:
    return {
        "unk_token": fields.text(part, "model", "unk_token"),
        "continuing_subword_prefix": fields.text(part, "model", "continuing_subword_prefix"),
        "max_input_chars_per_word": fields.number(part, "model", "max_input_chars_per_word", LONGEST_WORD),
        "vocab": _vocabulary(fields, part),
    }


def _vocabulary(fields: Fields, part: object) -> dict[str, int]:
    """Tokens with their ids."""
    vocabulary = member(part, "vocab")
    if not isinstance(vocabulary, dict):
        fields.wrong("model", "vocab", vocabulary, "tokens with their ids")
        return {}
    wrong = [token for token, token_id in vocabulary.items() if not is_id(token_id)]
    for token in sorted(wrong, key=str.encode):
        fields.id(vocabulary[token], f"model.vocab[{shown(token)}]")
    return vocabulary


def _bpe(fields: Fields, part: object) -> Json:
    unknown = member(part, "unk_token")
    for key in ("continuing_subword_prefix", "end_of_word_suffix"):
        if (value := member(part, key)) not in (None, ""):
            fields.wrong("model", key, value, "null")
    if (dropout := member(part, "dropout")) is not None:
        fields.wrong("model", "dropout", dropout, "null")
    return {
        "dropout": None,
        "unk_token": None if unknown is None else fields.text(part, "model", "unk_token"),
        "continuing_subword_prefix": member(part, "continuing_subword_prefix"),
        "end_of_word_suffix": member(part, "end_of_word_suffix"),
        "fuse_unk": fields.flag(part, "model", "fuse_unk", usual=False),
        "byte_fallback": fields.flag(part, "model", "byte_fallback", usual=False),
        "ignore_merges": fields.flag(part, "model", "ignore_merges", usual=False),
        "vocab": _vocabulary(fields, part),
        "merges": _merges(fields, part),
    }


def _merges(fields: Fields, part: object) -> list[list[str]]:
    """Pairs of tokens, written as lists or with a space between them."""
    found = member(part, "merges")
    if not isinstance(found, list):
        fields.wrong("model", "merges", found, "a list of pairs")
        return []
    merges = []
    for value in found:
        pair = value.split(" ") if isinstance(value, str) else value
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(token, str) for token in pair):
            fields.problem(f"model.merges has {shown(value)}, expected two tokens")
            break
        merges.append(pair)
    return merges


def _unigram(fields: Fields, part: object) -> Json:
    found = member(part, "vocab")
    if not isinstance(found, list) or not found:
        fields.wrong("model", "vocab", found, "tokens with their scores")
        found = []
    vocabulary: list[list[Any]] = []
    for value in found:
        if not _is_piece(value):
            expected = f"a token of at most {LONGEST_PIECE} bytes and its score"
            fields.problem(f"model.vocab[{len(vocabulary)}] is {shown(value)}, expected {expected}")
            break
        vocabulary.append([value[0], float(value[1])])
    return {
        "unk_id": fields.number(part, "model", "unk_id", max(len(found) - 1, 0)),
        "vocab": vocabulary,
        "byte_fallback": fields.flag(part, "model", "byte_fallback", usual=False),
    }


def _is_piece(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str):
        return False
    score = value[1]
    if not isinstance(score, int | float) or isinstance(score, bool) or not math.isfinite(score):
        return False
    return -LARGEST_SCORE <= score <= LARGEST_SCORE and len(value[0].encode()) <= LONGEST_PIECE


_KINDS: dict[str, Callable[[Fields, object], Json]] = {"BPE": _bpe, "Unigram": _unigram, "WordPiece": _wordpiece}
