"""The special tokens around one text and around two: what a tokenizer's post-processor adds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Tokenizer

from bert_runtime.errors import BundleError, Problem

Json = dict[str, Any]


@dataclass(frozen=True)
class Template:
    """Ids of special tokens: those before and after one text; those before, between and after two."""

    single: tuple[tuple[int, ...], tuple[int, ...]]
    pair: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class _Token:
    """A token of a row: the id of a special one, or None where a text stands."""

    id: int | None
    type_id: int


def read_template(tokenizer: Tokenizer) -> Template:
    """The template that the tokenizer's post-processor writes.

    Raises:
        BundleError: the texts do not follow each other as in BERT, or the types are neither BERT's nor all 0.
    """
    single, pair = _rows(tokenizer)
    one, two = _groups(single), _groups(pair)
    types = [token.type_id for token in pair]
    if len(one) != 2 or len(two) != 3 or (any(types) and types != _expected_types(pair)):
        raise BundleError(
            Problem(
                "bad-tokenizer",
                "tokenizer",
                "the tokenizer's post-processor is not BERT's [CLS] A [SEP] B [SEP]; export a BERT checkpoint",
            )
        )
    return Template((one[0], one[1]), (two[0], two[1], two[2]))


def _rows(tokenizer: Tokenizer) -> tuple[list[_Token], list[_Token]]:
    """The tokens of one text and of two, each of them one token."""
    part = tokenizer.post_processor
    for each in [] if part is None else _parts(json.loads(part.__getstate__())):
        if each["type"] == "TemplateProcessing":
            return _template(each, "single"), _template(each, "pair")
        if each["type"] in ("BertProcessing", "RobertaProcessing"):
            return _special(each)
    return [_Token(None, 0)], [_Token(None, 0), _Token(None, 1)]


def _parts(part: Json) -> Iterator[Json]:
    if part["type"] != "Sequence":
        yield part
        return
    for each in part["processors"]:
        yield from _parts(each)


def _template(part: Json, key: str) -> list[_Token]:
    row: list[_Token] = []
    for element in part[key]:
        ((kind, value),) = element.items()
        ids: Sequence[int | None] = [None] if kind == "Sequence" else part["special_tokens"][value["id"]]["ids"]
        row += [_Token(token_id, value["type_id"]) for token_id in ids]
    return row


def _special(part: Json) -> tuple[list[_Token], list[_Token]]:
    cls, sep = part["cls"][1], part["sep"][1]
    single = [_Token(cls, 0), _Token(None, 0), _Token(sep, 0)]
    if part["type"] == "RobertaProcessing":
        return single, [*single, _Token(sep, 0), _Token(None, 0), _Token(sep, 0)]
    return single, [*single, _Token(None, 1), _Token(sep, 1)]


def _groups(row: Sequence[_Token]) -> list[tuple[int, ...]]:
    """The runs of special tokens, separated by the runs of ordinary ones."""
    groups: list[list[int]] = [[]]
    for i, token in enumerate(row):
        if token.id is not None:
            groups[-1].append(token.id)
        elif i == 0 or row[i - 1].id is not None:
            groups.append([])
    return [tuple(group) for group in groups]


def _expected_types(row: Sequence[_Token]) -> list[int]:
    """0 through the special tokens that end the first text, 1 from the second text on."""
    starts = [i for i in range(1, len(row)) if row[i - 1].id is not None and row[i].id is None]
    split = starts[-1] if len(starts) > 1 or (row and row[0].id is None) else len(row)
    return [int(i >= split) for i in range(len(row))]
