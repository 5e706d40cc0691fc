"""A decoder that reads an encoder answers like transformers, at once and from a cache, and shares its sources."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from bert_export.rewrite import rewrite, source_reader
from bert_runtime.tasks.text_generation import TEXT_GENERATION

HIDDEN, HEADS, SIZE = 32, 4, 8


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=100,
        hidden_size=HIDDEN,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        intermediate_size=64,
        max_position_embeddings=40,
        is_decoder=True,
        add_cross_attention=True,
    )
    model = transformers.BertLMHeadModel(config)
    model.train(False)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter.data, std=0.2)
    return model


def sources(count: int, tokens: int, kind: str) -> tuple[Tensor, Tensor]:
    """States (count, tokens, HIDDEN) and their mask; one token at least is read."""
    states = torch.randn(count, tokens, HIDDEN, generator=torch.Generator().manual_seed(tokens))
    mask = torch.ones(count, tokens, dtype=torch.int64)
    hidden = {"none": [], "left": [*range(tokens // 2)], "right": [*range(1 + tokens // 2, tokens)]}
    mask[:, hidden.get(kind, [*range(1, tokens, 3)])] = 0
    return states, mask


@pytest.mark.parametrize("kind", ["none", "left", "right", "holes"])
@pytest.mark.parametrize("tokens", [1, 2, 9, 150])
@pytest.mark.parametrize(("rows", "count"), [(1, 1), (3, 3), (6, 2), (4, 1)])
def test_it_answers_like_transformers_at_once_and_token_by_token(
    model: Any, kind: str, tokens: int, rows: int, count: int
) -> None:
    states, source_mask = sources(count, tokens, kind)
    ids = torch.randint(0, 100, (rows, 9), generator=torch.Generator().manual_seed(rows))
    mask, shared = torch.ones_like(ids), rows // count
    with torch.no_grad():
        expected = model(
            ids,
            attention_mask=mask,
            encoder_hidden_states=states.repeat_interleave(shared, 0),
            encoder_attention_mask=source_mask.repeat_interleave(shared, 0),
        ).logits
    reader = source_reader(model, TEXT_GENERATION)
    assert reader is not None
    decoder, cross = rewrite(model, TEXT_GENERATION), reader(states)
    for pieces in ([9], [4, *[1] * 5]):
        cache, end = [torch.zeros(rows, HEADS, 0, SIZE) for _ in range(4)], 0
        for piece in pieces:
            start, end = end, end + piece
            with torch.no_grad():
                logits, *cache = decoder(ids[:, start:end], mask[:, :end], *cache, source_mask, *cross)
            torch.testing.assert_close(logits, expected[:, end - 1], rtol=0, atol=1e-5)


def test_a_decoder_that_reads_no_encoder_has_no_such_graph(model: Any) -> None:
    alone = transformers.BertConfig(**{**model.config.to_dict(), "add_cross_attention": False})
    assert source_reader(transformers.BertLMHeadModel(alone), TEXT_GENERATION) is None


def test_weights_are_shared_with_the_model_and_named_like_them(model: Any) -> None:
    reader = source_reader(model, TEXT_GENERATION)
    assert reader is not None
    own = {id(parameter) for parameter in model.parameters()}
    assert all(id(parameter) in own for parameter in reader.parameters())
    assert "network.bert.encoder.layer.1.crossattention.self.key.weight" in dict(reader.named_parameters())
