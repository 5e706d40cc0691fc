"""BERT (Devlin et al. 2018, arXiv 1810.04805)."""

from __future__ import annotations

from bert_export.families.family import BERT_TASKS, Family, VocabularyNames

BERT = Family(
    name="bert",
    title="BERT",
    class_prefix="Bert",
    attribute="bert",
    tasks=BERT_TASKS,
    vocabulary=VocabularyNames(
        dense="cls.predictions.transform.dense",
        activation="cls.predictions.transform.transform_act_fn",
        norm="cls.predictions.transform.LayerNorm",
        projection="cls.predictions.decoder",
    ),
    pretrained_heads=("cls.",),
    tokenizers=("WordPiece", "Unigram"),
)
