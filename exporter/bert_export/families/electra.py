"""ELECTRA (Clark et al. 2020, arXiv 2003.10555): BERT's layers; small ones have embeddings of another width."""

from __future__ import annotations

from bert_export.families.family import ConfigNames, EmbeddingNames, Family, VocabularyNames

_SUMMARY = "how the head of multiple choice reads the first token"

ELECTRA = Family(
    name="electra",
    title="ELECTRA",
    class_prefix="Electra",
    attribute="electra",
    embeddings=EmbeddingNames(projection="embeddings_project"),
    vocabulary=VocabularyNames(
        dense="generator_predictions.dense",
        norm="generator_predictions.LayerNorm",
        projection="generator_lm_head",
    ),
    config=ConfigNames(
        more={
            "embedding_size": "the width of the embeddings",
            "summary_type": _SUMMARY,
            "summary_use_proj": _SUMMARY,
            "summary_activation": _SUMMARY,
            "summary_last_dropout": "config.json of the bundle, for training on",
        },
        width="embedding_size",
    ),
    pretrained_heads=("generator_",),
)
