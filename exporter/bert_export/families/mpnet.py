"""MPNet (Song et al. 2020, arXiv 2004.09297): RoBERTa's positions, no types, and a bias for distances in attention."""

from __future__ import annotations

from typing import Any

from bert_export.families.family import ConfigNames, EmbeddingNames, Family, LayerNames, Positions


def after_padding(_config: Any) -> int:
    """Transformers' class takes 1 for padding, whatever the configuration says."""
    return 2


MPNET = Family(
    name="mpnet",
    title="MPNet",
    class_prefix="MPNet",
    attribute="mpnet",
    embeddings=EmbeddingNames(types=None),
    layer=LayerNames(
        query="attention.attn.q",
        key="attention.attn.k",
        value="attention.attn.v",
        attention_output="attention.attn.o",
        attention_norm="attention.LayerNorm",
    ),
    positions=Positions.AFTER_PADDING,
    position_offset=after_padding,
    relative_bias="encoder",
    config=ConfigNames(more={"relative_attention_num_buckets": "a size of the weights"}),
)
