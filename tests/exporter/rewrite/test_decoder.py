"""A rewritten decoder answers like transformers, at once and from a cache, and computes no row that nobody reads."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import cast

import pytest
import torch
import transformers
from tests.same import assert_same
from torch import Tensor

from bert_export.rewrite import Traceable, rewrite
from bert_export.rewrite.decoder import Decoder
from bert_runtime.tasks.text_generation import TEXT_GENERATION

LONGEST = 40
HEADS, SIZE = 4, 8


@pytest.fixture(scope="module")
def model() -> transformers.BertLMHeadModel:
    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=100,
        hidden_size=HEADS * SIZE,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        intermediate_size=64,
        max_position_embeddings=LONGEST,
        is_decoder=True,
    )
    model = transformers.BertLMHeadModel(config)
    model.train(False)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter.data, std=0.2)
    return model


def sequence(batch: int, length: int, kind: str) -> tuple[Tensor, Tensor]:
    """Ids and a mask of (batch, length); the last token is always read."""
    ids = torch.randint(0, 100, (batch, length), generator=torch.Generator().manual_seed(batch * 1000 + length))
    mask = torch.ones_like(ids)
    if kind == "left":
        mask[0, : length // 2] = 0
    elif kind == "holes":
        mask[:, 1 : length - 1 : 3] = 0
    return ids, mask


def truth(model: transformers.BertLMHeadModel, ids: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
    """Logits of every position, and each layer's keys and values; positions are counted as `generate` does."""
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        answer = model(ids, attention_mask=mask, position_ids=positions, use_cache=True)
    kept = [tensor for layer in answer.past_key_values.layers for tensor in (layer.keys, layer.values)]
    return answer.logits, *kept


def read(decoder: Traceable, ids: Tensor, mask: Tensor, pieces: Sequence[int]) -> tuple[list[Tensor], list[Tensor]]:
    """The logits of each piece, and the cache after the last."""
    cache = [torch.zeros(len(ids), HEADS, 0, SIZE) for _ in range(4)]
    logits, end = [], 0
    for piece in pieces:
        start, end = end, end + piece
        with torch.no_grad():
            answer, *cache = decoder(ids[:, start:end], mask[:, :end], *cache)
        logits.append(answer)
    return logits, cache


@pytest.mark.parametrize("kind", ["none", "left", "holes"])
def test_token_by_token_and_at_once_it_answers_like_transformers(
    model: transformers.BertLMHeadModel, kind: str
) -> None:
    decoder = rewrite(model, TEXT_GENERATION)
    for batch, length in itertools.product((1, 3), (2, 9, LONGEST)):
        ids, mask = sequence(batch, length, kind)
        expected, *expected_cache = truth(model, ids, mask)
        for pieces in ([length], [1] * length, [length - 1, 1]):
            logits, cache = read(decoder, ids, mask, pieces)
            ends = itertools.accumulate(pieces)
            for one, end in zip(logits, ends, strict=True):
                kept = mask[:, end - 1] == 1
                assert_same(one[kept], expected[:, end - 1][kept])
            for found, wanted in zip(cache, expected_cache, strict=True):
                assert_same(found.transpose(1, 2)[mask == 1], wanted.transpose(1, 2)[mask == 1])


def test_plain_decoder_gives_the_logits_of_every_new_position(model: transformers.BertLMHeadModel) -> None:
    ids, mask = sequence(2, 9, "none")
    logits, _ = read(rewrite(model, TEXT_GENERATION, plain=True), ids, mask, [4, 5])
    assert_same(torch.cat(logits, dim=1), truth(model, ids, mask)[0])


def test_padding_on_the_left_changes_no_answer(model: transformers.BertLMHeadModel) -> None:
    decoder = rewrite(model, TEXT_GENERATION)
    ids, mask = sequence(1, 9, "none")
    alone, _ = read(decoder, ids, mask, [9])
    nothing = torch.zeros(1, 5, dtype=torch.int64)
    padded, _ = read(decoder, torch.cat([nothing, ids], 1), torch.cat([nothing, mask], 1), [12, 2])
    assert_same(padded[-1], alone[0])


def test_row_that_may_attend_to_nothing_gives_numbers(model: transformers.BertLMHeadModel) -> None:
    ids, mask = sequence(2, 7, "none")
    mask[0] = 0
    logits, cache = read(rewrite(model, TEXT_GENERATION, plain=True), ids, mask, [4, 3])
    assert all(tensor.isfinite().all() for tensor in (*logits, *cache))


def test_last_layer_and_head_compute_only_the_last_token(model: transformers.BertLMHeadModel) -> None:
    decoder = rewrite(model, TEXT_GENERATION)
    rows: list[int] = []
    network = cast(Decoder, decoder.network)
    first, last = network.bert.encoder.layer
    for part in (first.intermediate, last.intermediate, network.cls):
        cast(torch.nn.Module, part).register_forward_pre_hook(lambda module, given: rows.append(given[0].shape[1]))
    read(decoder, *sequence(3, 7, "none"), [7])
    assert rows == [7, 1, 1]


def test_rewriting_shares_every_weight_but_the_table_of_positions(model: transformers.BertLMHeadModel) -> None:
    rewritten = rewrite(model, TEXT_GENERATION)
    assert type(model.bert) is transformers.BertModel
    added = {id(p) for p in rewritten.parameters()} - {id(p) for p in model.parameters()}
    left = {name for name, p in model.named_parameters() if id(p) not in {id(q) for q in rewritten.parameters()}}
    assert len(added) == 1
    assert left == {f"bert.embeddings.{table}_embeddings.weight" for table in ("position", "token_type")}


def test_sizes_are_those_of_the_checkpoint(model: transformers.BertLMHeadModel) -> None:
    rewritten = rewrite(model, TEXT_GENERATION)
    assert rewritten.sizes == {"layers": 2, "heads": HEADS, "size": SIZE}
    assert [spec.name for spec in rewritten.inputs[2:]] == [
        f"past_key_values.{layer}.{part}" for layer in (0, 1) for part in ("key", "value")
    ]
