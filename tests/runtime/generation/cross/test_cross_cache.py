"""Cross keys and values are computed once for each source, and every row reads its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from tests.runtime.generation.cross.conftest import NEW, PROMPTS, SOURCES, Pair, Pairs, expected, found

from bert_runtime import EncoderStates, GenerationSettings
from bert_runtime.backends.engine import Array
from bert_runtime.generation.cross_cache import CrossCache, evenly, padded
from bert_runtime.tasks.task import IntArray

pytestmark = pytest.mark.exporter

BEAMS = GenerationSettings(max_new_tokens=NEW, num_beams=4, num_return_sequences=4)
GREEDY = GenerationSettings(max_new_tokens=NEW)


@pytest.mark.parametrize(
    ("owners", "needed"),
    [
        ([0], [0]),
        ([0, 1, 2], [0, 1, 2]),
        ([0, 0, 0, 1, 1, 1], [0, 1]),
        ([2, 2], [2]),
        ([0, 2], [0, 2]),
        ([0, 0, 1], [0, 0, 1]),
        ([0, 0, 0, 0, 3, 3], [0, 0, 3]),
    ],
)
def test_sources_are_taken_as_rarely_as_equal_shares_allow(owners: list[int], needed: list[int]) -> None:
    given = np.array(owners)
    assert evenly(given).tolist() == needed
    np.testing.assert_array_equal(np.repeat(evenly(given), len(owners) // len(needed)), given)


def test_sources_of_different_lengths_are_padded_and_padding_is_masked() -> None:
    states = [EncoderStates.whole(np.full((tokens, 2), tokens, np.float32)) for tokens in (1, 3)]
    hidden, mask = padded(states)
    assert hidden[:, :, 0].tolist() == [[1, 0, 0], [3, 3, 3]]
    assert mask.tolist() == [[1, 0, 0], [1, 1, 1]]


class Watched:
    """An engine that notes what its runs were given."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.name = "watched"
        self.feeds: list[Mapping[str, Array]] = []

    def run(self, feeds: Mapping[str, Array], fetch: Any) -> Any:
        self.feeds.append(feeds)
        return self.engine.run(feeds, fetch)

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        self.feeds.append(feeds)
        self.engine.run_into(feeds, outputs)

    def close(self) -> None:
        """The engine belongs to another test as well."""


@pytest.fixture
def watched(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> tuple[Pair, Watched, Watched]:
    """The trained pair; the runs of its decoder's graph and of its source's."""
    pair = pairs("trained")
    sources = pair.session._sources
    assert sources is not None
    decoder, source = Watched(pair.session.engine), Watched(sources._engine)
    monkeypatch.setattr(pair.session, "engine", decoder)
    monkeypatch.setattr(sources, "_engine", source)
    return pair, decoder, source


@pytest.mark.parametrize("settings", [GREEDY, BEAMS], ids=["greedy", "beams"])
def test_a_source_is_read_once_and_no_token_computes_its_keys_again(
    watched: tuple[Pair, Watched, Watched], settings: GenerationSettings
) -> None:
    pair, decoder, source = watched
    pair.session.generate("", settings, SOURCES[0])
    assert len(source.feeds) == 1
    assert len(decoder.feeds) >= 8
    assert {"encoder_hidden_states"} == source.feeds[0].keys()
    assert not any("encoder_hidden_states" in feeds for feeds in decoder.feeds)


def test_beams_read_their_source_where_it_lies_without_a_copy(watched: tuple[Pair, Watched, Watched]) -> None:
    pair, decoder, _ = watched
    found(pair, ("", ""), BEAMS, SOURCES[:2])
    names = [name for name in decoder.feeds[0] if name.startswith("cross_key_values")]
    assert [len(feeds["input_ids"]) for feeds in decoder.feeds[:3]] == [2, 8, 8]
    assert {feeds[names[0]].shape[0] for feeds in decoder.feeds} <= {2, 1}
    both = [feeds for feeds in decoder.feeds if feeds[names[0]].shape[0] == 2]
    assert len(both) > 3
    for name in names:
        assert len({feeds[name].ctypes.data for feeds in both}) == 1


right = CrossCache.inputs


def always_the_first(cache: CrossCache, owners: IntArray) -> Mapping[str, Array]:
    return right(cache, np.zeros_like(owners))


def the_next_source(cache: CrossCache, owners: IntArray) -> Mapping[str, Array]:
    """Every row reads the source of the request after its own."""
    return {name: np.roll(array, -1, axis=0) for name, array in right(cache, owners).items()}


@pytest.mark.parametrize("wrong", [always_the_first, the_next_source])
@pytest.mark.parametrize("settings", [GREEDY, BEAMS], ids=["greedy", "beams"])
@pytest.mark.parametrize("weights", ["random", "trained"])
def test_rows_that_read_the_wrong_source_give_other_tokens(
    pairs: Pairs, weights: str, settings: GenerationSettings, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = pairs(weights)
    right_tokens = expected(pair, PROMPTS, settings, SOURCES)
    assert found(pair, PROMPTS, settings, SOURCES) == right_tokens
    monkeypatch.setattr(CrossCache, "inputs", wrong)
    assert found(pair, PROMPTS, settings, SOURCES) != right_tokens


def test_rows_that_forget_whose_they_are_when_others_end_give_other_tokens(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, prompts = pairs("trained"), ("the cat chased the red ball in the", "", "", "the girl", "")
    right_tokens = expected(pair, prompts, GREEDY, SOURCES)
    assert found(pair, prompts, GREEDY, SOURCES) == right_tokens
    monkeypatch.setattr(CrossCache, "inputs", lambda cache, owners: right(cache, np.arange(len(owners))))
    assert found(pair, prompts, GREEDY, SOURCES) != right_tokens


def test_requests_of_different_settings_share_a_batch_and_keep_their_sources(pairs: Pairs) -> None:
    pair = pairs("trained")
    requests: list[dict[str, object]] = [
        {"prompt": "", "encoder_text": SOURCES[0], "max_new_tokens": 12},
        {"prompt": "the", "encoder_text": SOURCES[1], "max_new_tokens": 6, "num_beams": 3, "num_return_sequences": 3},
        {
            "prompt": "",
            "encoder_text": SOURCES[2],
            "max_new_tokens": 9,
            "do_sample": True,
            "seed": 1,
            "num_return_sequences": 3,
        },
        {"prompt": "the girl", "encoder_text": SOURCES[3], "max_new_tokens": 4, "num_beams": 2},
    ]
    alone = [tokens(pair.session(request)) for request in requests]
    assert [tokens(answer) for answer in pair.session.predict(requests)] == alone


def tokens(result: Any) -> list[tuple[int, ...]]:
    return [text.token_ids for text in result.sequences]
