"""RoBERTa (Liu et al. 2019, arXiv 1907.11692): positions count after the padding's, and every token has type 0."""

from __future__ import annotations

from typing import Any

from bert_export.families.family import EmbeddingNames, Family, Positions


def after_padding(config: Any) -> int:
    """The rows of the position table up to that of padding."""
    return int(config.pad_token_id) + 1


ROBERTA = Family(
    name="roberta",
    title="RoBERTa",
    class_prefix="Roberta",
    attribute="roberta",
    embeddings=EmbeddingNames(types=None, first_rows=("embeddings.token_type_embeddings",)),
    positions=Positions.AFTER_PADDING,
    position_offset=after_padding,
    tokenizers=("BPE",),
)
