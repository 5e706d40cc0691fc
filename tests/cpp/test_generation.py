"""The C++ searches against Python's, step by step, on the same logits; and numpy's random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cpp.heads_peer import HeadsPeer, Json, flat

from bert_runtime.generation.loop import start
from bert_runtime.tasks.text_generation import Continuation, GenerationSettings, Prompt

VOCABULARY = 60
EOS = 3


@pytest.fixture(scope="module")
def peer(program: Callable[[str], Path]) -> Iterator[HeadsPeer]:
    with HeadsPeer(program("heads_peer")) as running:
        yield running


def assert_found(got: list[Any], expected: list[Continuation]) -> None:
    """Equal tokens; scores of beams within what float32 exponentials of two libraries differ by."""
    assert [ids for ids, _ in got] == [list(each.ids) for each in expected]
    for (_, score), each in zip(got, expected, strict=True):
        assert score == (None if each.score is None else pytest.approx(each.score, rel=5e-7, abs=5e-6))


def run_both(peer: HeadsPeer, settings: Json, seed: int, scale: float) -> list[Continuation]:
    """Drive both searches with the same logits to their ends, and hold every step of one against the other."""
    numbers = np.random.default_rng(seed)
    ids = numbers.integers(0, VOCABULARY + 5, size=numbers.integers(1, 9))  # some beyond the logits
    checked = GenerationSettings.from_record(settings)
    search = start(Prompt((), ids, EOS), checked)
    assert peer("start", ids=ids.tolist(), eos_id=EOS, settings=settings) == {}
    lanes = 1
    while lanes:
        logits = numbers.normal(scale=scale, size=(lanes, VOCABULARY)).astype(np.float32)
        logits[:, EOS] += 0.5 * scale  # so that texts end
        step = search.advance(logits)
        got = peer("advance", logits=flat(logits))
        assert (got["tokens"], got["sources"]) == (step.tokens.tolist(), step.sources.tolist())
        assert_found(got["continuations"], search.continuations())
        lanes = len(step.tokens)
    return search.continuations()


@pytest.mark.parametrize("penalty", [1, 1.7, 0.6])
@pytest.mark.parametrize("length_penalty", [1.0, 0.0, -1.5, 2])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("beams", [2, 3, 7])
def test_beams_choose_the_same_tokens_from_the_same_lanes(
    beams: int, early_stopping: bool, length_penalty: float, penalty: float, peer: HeadsPeer
) -> None:
    for seed in range(6):
        settings = {
            "num_beams": beams,
            "num_return_sequences": 1 + seed % beams,
            "max_new_tokens": 1 + 2 * seed,
            "length_penalty": length_penalty,
            "early_stopping": early_stopping,
            "repetition_penalty": penalty,
        }
        assert run_both(peer, settings, seed, scale=2.5)


@pytest.mark.parametrize("penalty", [1.0, 1.7, 0.6])
def test_greedy_search_chooses_the_same_tokens(penalty: float, peer: HeadsPeer) -> None:
    for seed in range(20):
        assert run_both(peer, {"max_new_tokens": 12, "repetition_penalty": penalty}, seed, scale=3)


@pytest.mark.parametrize("temperature", [1, 0.4, 3.0])
@pytest.mark.parametrize("top_k", [0, 1, 5, 50, VOCABULARY, 1000])
@pytest.mark.parametrize("top_p", [1, 0.9, 0.35, 1e-9])
def test_a_seed_draws_the_same_tokens(temperature: float, top_k: int, top_p: float, peer: HeadsPeer) -> None:
    for seed in (0, 1, 2**31, 2**32 + 5, 2**63 - 1):
        settings = {
            "do_sample": True,
            "seed": seed,
            "num_return_sequences": 3,
            "max_new_tokens": 10,
            "temperature": temperature,
            "top_k": top_k,
            "top_p": top_p,
            "repetition_penalty": 1.2,
        }
        assert run_both(peer, settings, seed % 97, scale=1.5)


@pytest.mark.parametrize("seed", [0, 1, 42, 2**32 - 1, 2**32, 2**63 - 1])
def test_random_numbers_are_those_of_numpy(seed: int, peer: HeadsPeer) -> None:
    for child, sequence in enumerate(np.random.SeedSequence(seed).spawn(5)):
        expected = np.random.default_rng(sequence).random(200).tolist()
        assert peer("numbers", seed=seed, child=child, count=200) == expected
