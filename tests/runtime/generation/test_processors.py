"""Scores as transformers' own processors leave them, and draws by their probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from tests.without_exporter import is_exporter_there

from bert_runtime import GenerationSettings
from bert_runtime.generation.processors import drawable, penalised
from bert_runtime.generation.search import draw
from bert_runtime.tasks.scores import softmax
from bert_runtime.tasks.task import FloatArray

if TYPE_CHECKING or is_exporter_there():
    import torch
    from transformers import (
        LogitsProcessorList,
        RepetitionPenaltyLogitsProcessor,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

pytestmark = pytest.mark.exporter

SEEN = [3, 3, 17, 40]


def logits(seed: int, size: int = 60) -> FloatArray:
    return np.random.default_rng(seed).normal(scale=3.0, size=size).astype(np.float32)


def theirs(scores: FloatArray, settings: GenerationSettings) -> FloatArray:
    """transformers' processors in the order of its `generate`."""
    chain = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(settings.repetition_penalty)])
    chain.append(TemperatureLogitsWarper(settings.temperature))
    if settings.top_k:
        chain.append(TopKLogitsWarper(settings.top_k))
    chain.append(TopPLogitsWarper(settings.top_p))
    seen = cast(torch.LongTensor, torch.tensor([SEEN]))
    rows = cast(torch.FloatTensor, torch.from_numpy(scores[None].copy()))
    made: FloatArray = chain(seen, rows)[0].numpy()
    return made


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "settings",
    [
        GenerationSettings(top_k=0, repetition_penalty=1.4),
        GenerationSettings(top_k=0, repetition_penalty=0.5),
        GenerationSettings(top_k=0, temperature=0.3),
        GenerationSettings(top_k=7),
        GenerationSettings(top_k=1),
        GenerationSettings(top_k=1000),
        GenerationSettings(top_k=0, top_p=0.9),
        GenerationSettings(top_k=0, top_p=1e-6),
        GenerationSettings(top_k=9, top_p=0.6, temperature=2.5, repetition_penalty=2.0),
    ],
    ids=str,
)
def test_probabilities_are_those_of_transformers(settings: GenerationSettings, seed: int) -> None:
    ours = drawable(penalised(logits(seed), SEEN, settings), settings)
    np.testing.assert_allclose(softmax(ours), softmax(theirs(logits(seed), settings)), atol=1e-7)


def test_top_k_keeps_equals_of_the_last_as_transformers_does() -> None:
    scores = np.array([1, 2, 2, 2, *[0] * 40], dtype=np.float32)
    settings = GenerationSettings(top_k=2)
    assert np.isfinite(drawable(scores, settings)).tolist() == np.isfinite(theirs(scores, settings)).tolist()


def test_no_processor_changes_the_logits_themselves() -> None:
    scores = logits(0)
    settings = GenerationSettings(top_k=3, top_p=0.5, temperature=0.7, repetition_penalty=1.5)
    drawable(penalised(scores, SEEN, settings), settings)
    np.testing.assert_array_equal(scores, logits(0))


def test_tokens_are_drawn_by_their_probability() -> None:
    scores, count = logits(1, 6), 20_000
    random = np.random.default_rng(0)
    drawn = np.bincount([draw(scores, random) for _ in range(count)], minlength=6) / count
    # Four standard deviations of a binomial: false alarms are rarer than 1 in 10,000 (and the seed is fixed).
    expected = softmax(scores)
    assert (np.abs(drawn - expected) <= 4 * np.sqrt(expected * (1 - expected) / count) + 1e-9).all()


def test_a_token_that_was_left_out_is_never_drawn() -> None:
    scores = np.array([-np.inf, 0, -np.inf, 0, -np.inf], dtype=np.float32)
    random = np.random.default_rng(0)
    assert {draw(scores, random) for _ in range(200)} == {1, 3}
