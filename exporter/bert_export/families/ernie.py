"""ERNIE (Sun et al. 2019, arXiv 1904.09223; 2.0, arXiv 1907.12412): BERT and a table of tasks, row 0 for all."""

from __future__ import annotations

from dataclasses import replace

from bert_export.families.bert import BERT
from bert_export.families.family import ENCODER_TASKS, ConfigNames, EmbeddingNames

ERNIE = replace(
    BERT,
    name="ernie",
    title="ERNIE",
    class_prefix="Ernie",
    attribute="ernie",
    tasks=("pretraining", "next-sentence-prediction", *ENCODER_TASKS),
    embeddings=EmbeddingNames(first_rows=("embeddings.task_type_embeddings",)),
    config=ConfigNames(
        more={
            "use_task_id": "the graph: whether the table of tasks is part of the embeddings",
            "task_type_vocab_size": "a size of the weights",
        }
    ),
    tokenizers=("WordPiece",),
)
