"""Graphs traced once for all tests of the passes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import pytest
import torch
import transformers
from tests.exporter.conftest import LONGEST, VOCABULARY

from bert_export.rewrite import rewrite
from bert_export.trace import trace
from bert_runtime.tasks.task import HeadSettings, Task

Model = Any
LABELLED = ("BertForSequenceClassification", "BertForTokenClassification")
torch.set_num_threads(1)  # tiny matrices: threads only wait for each other


@functools.cache
def tiny_model(
    model_class: str, activation: str = "gelu", labels: int | None = None, reads_encoder: bool = False
) -> Model:
    """Of the shape of the tiny checkpoints, so that one trace serves both."""
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=LONGEST,
        hidden_act=activation,
        is_decoder=model_class == "BertLMHeadModel",
        add_cross_attention=reads_encoder,
    )
    config.num_labels = labels or (3 if model_class in LABELLED else 2)
    config._attn_implementation = "eager"
    model = getattr(transformers, model_class)(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter.data, std=0.2)
    return model


@pytest.fixture(scope="session")
def model() -> Callable[..., Model]:
    return tiny_model


@pytest.fixture(scope="session")
def graph() -> Callable[..., ir.Model]:
    """A fresh copy of the traced graph of a task, which takes seconds to trace."""
    graphs: dict[tuple[str, bool, str, bool], ir.Model] = {}
    settings = HeadSettings(pooling="mean", normalize=True)

    def copy(
        task: Task[Any, Any, Any], plain: bool = False, activation: str = "gelu", reads_encoder: bool = False
    ) -> ir.Model:
        key = (task.name, plain, activation, reads_encoder)
        if key not in graphs:
            model = tiny_model(task.model_class, activation, reads_encoder=reads_encoder)
            graphs[key] = trace(rewrite(model, task, plain, settings))
        return graphs[key].clone()

    return copy
