"""The special tokens around one text and around two: what a tokenizer's post-processor adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from bert_runtime.errors import BundleError, Problem


@dataclass(frozen=True)
class Template:
    """Ids of special tokens: those before and after one text; those before, between and after two."""

    single: tuple[tuple[int, ...], tuple[int, ...]]
    pair: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def read_template(tokenizer: Tokenizer) -> Template:
    """The template, read off encoded probes; `tokenizer` neither pads nor truncates.

    Raises:
        BundleError: the texts do not follow each other as in BERT, or the types are neither BERT's nor all 0.
    """
    single = tokenizer.encode("a")
    pair = tokenizer.encode("a", "a")
    one, two = (_groups(encoding.ids, encoding.special_tokens_mask) for encoding in (single, pair))
    types = list(pair.type_ids)
    if len(one) != 2 or len(two) != 3 or (any(types) and types != _expected_types(pair.special_tokens_mask)):
        raise BundleError(
            Problem(
                "bad-tokenizer",
                "tokenizer",
                "the tokenizer's post-processor is not BERT's [CLS] A [SEP] B [SEP]; export a BERT checkpoint",
            )
        )
    return Template((one[0], one[1]), (two[0], two[1], two[2]))


def _groups(ids: Sequence[int], special: Sequence[int]) -> list[tuple[int, ...]]:
    """The runs of special tokens, separated by the runs of ordinary ones."""
    groups: list[list[int]] = [[]]
    for i, (token, is_special) in enumerate(zip(ids, special, strict=True)):
        if is_special:
            groups[-1].append(token)
        elif i == 0 or special[i - 1]:
            groups.append([])
    return [tuple(group) for group in groups]


def _expected_types(special: Sequence[int]) -> list[int]:
    """0 through the special tokens that end the first text, 1 from the second text on."""
    starts = [i for i in range(1, len(special)) if special[i - 1] and not special[i]]
    split = starts[-1] if len(starts) > 1 or not special[0] else len(special)
    return [int(i >= split) for i in range(len(special))]
