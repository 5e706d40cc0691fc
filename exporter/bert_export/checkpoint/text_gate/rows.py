"""The rows of token ids that a tokenizer makes of texts: transformers' way, and the runtime's."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokenizers.normalizers import Lowercase
from tokenizers.normalizers import Sequence as NormalizerSequence

from bert_export.checkpoint.findings import reading
from bert_export.checkpoint.text_gate.texts import Texts
from bert_runtime.text import TextEncoder

if TYPE_CHECKING:
    from transformers import TokenizersBackend


@dataclass(frozen=True)
class Row:
    """What the model reads for one text or a pair, and where it lies in the text.

    Attributes:
        ids, type_ids: one for each token.
        offsets: first and one-past-last character of each token that is not the template's.
    """

    ids: tuple[int, ...]
    type_ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]


def rows_of_transformers(tokenizer: TokenizersBackend, texts: Texts, max_length: int, types: int) -> list[Row]:
    """The rows that a user of transformers gets, cut to `max_length`, singles before pairs.

    Args:
        tokenizer: transformers' tokenizer.
        texts: what is encoded.
        max_length: the longest row.
        types: how many token types the model has; with one, transformers' model has no other way than zeros.

    Raises:
        CheckpointError: the tokenizer fails on a text.
    """
    rows: list[Row] = []
    with reading("the checkpoint's own tokenizer", "expected one that encodes every text: save it again"):
        singles, pairs = list(texts.singles), list(texts.pairs)
        for batch in ([singles], [[first for first, _ in pairs], [second for _, second in pairs]]):
            encoded = tokenizer(
                *batch,
                truncation=True,
                max_length=max_length,
                return_offsets_mapping=True,
                return_special_tokens_mask=True,
            )
            rows += _rows(encoded, types)
    return rows


def as_sentence_transformers(tokenizer: TokenizersBackend) -> TokenizersBackend:
    """A copy that lower-cases texts as sentence-transformers makes it do, for `do_lower_case`."""
    changed = copy.deepcopy(tokenizer)
    backend: Any = changed.backend_tokenizer
    backend.normalizer = NormalizerSequence([Lowercase(), backend.normalizer])
    return changed


def rows_of_runtime(encoder: TextEncoder, texts: Texts) -> list[Row]:
    """The rows that the runtime gives the graph, singles before pairs.

    Raises:
        InputError: the tokenizer fails on a text.
    """
    rows = []
    for first, second in [*((text, None) for text in texts.singles), *texts.pairs]:
        pieces = encoder.truncate(encoder.pieces(first), None if second is None else encoder.pieces(second))
        row = encoder.row(*pieces)
        offsets = [pair for each in pieces if each is not None for pair in each.offsets.tolist()]
        rows.append(_row(row.ids.tolist(), row.type_ids.tolist(), offsets))
    return rows


def _rows(encoded: Mapping[str, Any], types: int) -> Iterator[Row]:
    """Rows of a batch; without types a model of transformers reads zeros."""
    for i, ids in enumerate(encoded["input_ids"]):
        has_types = types > 1 and "token_type_ids" in encoded
        places = zip(encoded["offset_mapping"][i], encoded["special_tokens_mask"][i], strict=True)
        offsets = [offset for offset, is_of_template in places if not is_of_template]
        yield _row(ids, encoded["token_type_ids"][i] if has_types else [0] * len(ids), offsets)


def _row(ids: Sequence[int], type_ids: Sequence[int], offsets: Sequence[Sequence[int]]) -> Row:
    return Row(tuple(ids), tuple(type_ids), tuple((start, end) for start, end in offsets))
