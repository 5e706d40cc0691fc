"""Tracing a model whose configuration does not fit its class is an error in words."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertForQuestionAnswering

from bert_export.errors import CheckpointError
from bert_export.rewrite import rewrite
from bert_export.trace import trace
from bert_runtime.tasks.question_answering import QUESTION_ANSWERING


def test_a_model_that_torch_cannot_run_is_refused_with_its_own_reason() -> None:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    config.num_labels = 3  # a span has a start and an end, not three logits
    model: BertForQuestionAnswering = BertForQuestionAnswering(config)
    with pytest.raises(CheckpointError, match="cannot trace this model: too many values to unpack"):
        trace(rewrite(model, QUESTION_ANSWERING))
