"""Text classification: one label, several labels or a value for a text or a pair of texts."""

from __future__ import annotations

from bert_runtime.tasks.task import Reads, Task
from bert_runtime.tasks.tensors import TensorSpec
from bert_runtime.tasks.text_classification.head import NAME, EncodedText, TextClassificationHead
from bert_runtime.tasks.text_classification.problem_type import PROBLEM_TYPES
from bert_runtime.tasks.text_classification.request import TextClassificationRequest
from bert_runtime.tasks.text_classification.result import (
    LabelScore,
    LabelValue,
    MultiLabelResult,
    RegressionResult,
    SingleLabelResult,
    TextClassificationResult,
)

__all__ = [
    "PROBLEM_TYPES",
    "TEXT_CLASSIFICATION",
    "EncodedText",
    "LabelScore",
    "LabelValue",
    "MultiLabelResult",
    "RegressionResult",
    "SingleLabelResult",
    "TextClassificationHead",
    "TextClassificationRequest",
    "TextClassificationResult",
]

TEXT_CLASSIFICATION = Task(
    name=NAME,
    aliases=("seqcls",),
    model_class="BertForSequenceClassification",
    reads=Reads.FIRST_TOKEN,
    outputs=(TensorSpec("logits", "float32", ("batch", "labels")),),
    request=TextClassificationRequest,
    head=TextClassificationHead,
    settings=("labels", "problem_type", "activation"),
    examples=(
        {"text": "A warm, funny and thoroughly engaging film."},
        {"text": "I would not recommend this to anyone.", "top_k": 1},
        {"text": "Das Café am Marktplatz ist überraschend günstig – très bien !", "threshold": 0.25},
        {"text": "今日はとても楽しかったです。"},
        {"text": "Worst. Update. Ever. 😡😡 #fail https://example.org/a?b=c", "top_k": 2},
        {"text": "A man is playing a guitar.", "text_pair": "Somebody makes music."},
        {"text": "Ist das wahr?", "text_pair": "Это правда."},
        {"text": "The plot wanders, the acting is uneven, and yet the ending stays with you. " * 50},
        {"text": "Short question?", "text_pair": "A very long answer that goes on and on. " * 80},
        {"text": ""},
    ),
)
