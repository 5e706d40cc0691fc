"""A decoder that reads an encoder gives the tokens of transformers' EncoderDecoderModel, one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.runtime.generation.cross.conftest import NEW, PROMPTS, SOURCES, Pairs, expected, found, tasks
from tests.runtime.generation.test_oracle import BEAMS, GREEDY

from bert_runtime import EncoderStates, GenerationSettings

pytestmark = pytest.mark.exporter


@pytest.mark.parametrize("given", GREEDY[:3] + BEAMS[:4] + BEAMS[7:8], ids=str)
@pytest.mark.parametrize("weights", ["random", "trained"])
def test_a_batch_of_prompts_and_sources_gives_the_tokens_of_transformers(
    pairs: Pairs, weights: str, given: dict[str, Any]
) -> None:
    pair, settings = pairs(weights), GenerationSettings(max_new_tokens=NEW, **given)
    assert found(pair, PROMPTS, settings, SOURCES) == expected(pair, PROMPTS, settings, SOURCES)


@pytest.mark.parametrize("given", [{}, {"num_beams": 3, "num_return_sequences": 3}], ids=str)
@pytest.mark.parametrize(("target", "plain"), [("portable", False), pytest.param("cpu", True, marks=pytest.mark.slow)])
def test_other_targets_and_a_plain_graph_give_the_same(
    pairs: Pairs, target: str, plain: bool, given: dict[str, Any]
) -> None:
    pair, settings = pairs("trained", target, plain), GenerationSettings(max_new_tokens=NEW, **given)
    assert found(pair, PROMPTS, settings, SOURCES) == expected(pair, PROMPTS, settings, SOURCES)


def test_the_trained_model_writes_the_sentence_that_its_source_names(pairs: Pairs) -> None:
    pair, (sources, sentences) = pairs("trained"), zip(*tasks(), strict=True)
    answers = pair.session.generate([""] * len(sources), GenerationSettings(max_new_tokens=NEW), list(sources))
    assert [answer.sequences[0].text for answer in answers] == [sentence.replace(" .", ".") for sentence in sentences]


@pytest.mark.parametrize("kind", ["left", "holes", "right"])
@pytest.mark.parametrize("given", [{}, {"num_beams": 3}], ids=str)
def test_states_with_padding_among_them_are_read_as_transformers_reads_them(
    pairs: Pairs, kind: str, given: dict[str, Any]
) -> None:
    pair, settings = pairs("random"), GenerationSettings(max_new_tokens=NEW, **given)
    random = np.random.default_rng(1)
    sources = []
    for tokens in (1, 4, 9, 30, 200):
        mask = np.ones(tokens, np.int64)
        mask[{"left": slice(tokens // 2), "right": slice(1 + tokens // 2, None), "holes": slice(1, None, 3)}[kind]] = 0
        sources.append(EncoderStates(random.standard_normal((tokens, 32)).astype(np.float32), mask))
    assert found(pair, PROMPTS, settings, sources) == expected(pair, PROMPTS, settings, sources)
