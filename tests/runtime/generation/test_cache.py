"""The cache: what a run wrote is what the next one reads, in the same memory, row by row where rows change places."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.runtime.generation.conftest import Case
from tests.runtime.generation.test_oracle import PROMPTS, expected, found

from bert_runtime import BackendError, GenerationSettings
from bert_runtime.backends.engine import Array
from bert_runtime.generation.cache import Cache
from bert_runtime.tasks.task import IntArray

pytestmark = pytest.mark.exporter

BEAMS = GenerationSettings(max_new_tokens=16, num_beams=4, num_return_sequences=4)


@pytest.fixture
def cache(random: Case) -> Cache:
    """Room for 3 rows of 4 tokens."""
    return Cache(random.session.artefact, random.session.record.sizes, tokens=12)


def write(cache: Cache, rows: int, total: int) -> dict[str, Array]:
    """Fill the present with numbers that name their row and token; returns copies."""
    written = {}
    for name, view in cache.present(rows, total).items():
        view[...] = np.arange(rows)[:, None, None, None] * 100 + np.arange(total)[None, None, :, None]
        written[name.replace("present", "past_key_values")] = view.copy()
    cache.advance(rows, total)
    return written


def test_the_past_before_the_first_run_has_rows_without_tokens(cache: Cache) -> None:
    assert {view.shape for view in cache.past(3).values()} == {(3, 2, 0, 16)}


def test_the_present_of_a_run_is_the_past_of_the_next_in_the_same_memory(cache: Cache) -> None:
    places = {
        name.replace("present", "past_key_values"): view.ctypes.data for name, view in cache.present(2, 3).items()
    }
    written = write(cache, 2, 3)
    for name, view in cache.past(2).items():
        np.testing.assert_array_equal(view, written[name])
        assert view.ctypes.data == places[name]


def test_past_and_present_never_share_memory_and_the_memory_never_grows(cache: Cache) -> None:
    places = set()
    for total in (1, 2, 3, 4):
        past, present = cache.past(3).values(), cache.present(3, total).values()
        assert not any(np.shares_memory(one, other) for one in past for other in present)
        places |= {view.ctypes.data for view in present}
        write(cache, 3, total)
    assert len(places) == 2 * len(cache.past(3))


@pytest.mark.parametrize("sources", [[1, 0], [0, 0, 1], [1], [1, 1, 1]])
def test_rows_follow_their_sources(cache: Cache, sources: list[int]) -> None:
    written = write(cache, 2, 3)
    cache.reorder(np.array(sources))
    for name, view in cache.past(len(sources)).items():
        np.testing.assert_array_equal(view, written[name][sources])


@pytest.mark.parametrize("tokens", [2**45, 2**62])
def test_a_cache_that_no_memory_holds_is_refused_in_words(random: Case, tokens: int) -> None:
    with pytest.raises(BackendError, match=r"no memory for a cache of 32 values of past_key_values\.0\.key"):
        Cache(random.session.artefact, random.session.record.sizes, tokens)


def in_place(cache: Cache, sources: IntArray) -> None:
    """A reordering that is wrong: row i stays row i, or the first where there was none."""
    kept = np.arange(len(sources))
    right(cache, np.where(kept < cache.rows, kept, 0))


right = Cache.reorder


@pytest.mark.parametrize("weights", ["random", "trained"])
def test_beams_that_keep_the_wrong_cache_give_other_tokens(
    weights: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    case: Case = request.getfixturevalue(weights)
    right_tokens = expected(case, PROMPTS, BEAMS)
    assert found(case, PROMPTS, BEAMS) == right_tokens
    monkeypatch.setattr(Cache, "reorder", in_place)
    assert found(case, PROMPTS, BEAMS) != right_tokens


def test_rows_that_end_leave_the_batch_and_the_others_keep_their_own_cache(
    trained: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = dataclasses.replace(BEAMS, num_beams=1, num_return_sequences=1)
    rows: list[int] = []

    def counted(cache: Cache, sources: IntArray) -> None:
        rows.append(len(sources))
        right(cache, sources)

    monkeypatch.setattr(Cache, "reorder", counted)
    assert found(trained, PROMPTS, settings) == expected(trained, PROMPTS, settings)
    assert rows == sorted(rows, reverse=True)
    assert rows[-1] < len(PROMPTS)
