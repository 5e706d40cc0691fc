"""The search for the n best spans, against trying every span."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bert_runtime.tasks.question_answering.spans import Span, WindowLogits, best_spans


def brute_force(windows: Sequence[WindowLogits], longest: int, count: int) -> list[Span]:
    """Every start and every end of every window, one by one."""
    best: dict[tuple[int, int], float] = {}
    for window in windows:
        for i in range(len(window.start)):
            for j in range(i, min(i + longest, len(window.end))):
                characters = (int(window.characters[i, 0]), int(window.characters[j, 1]))
                best[characters] = max(best.get(characters, -math.inf), float(window.start[i]) + float(window.end[j]))
    ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))
    return [Span(start, end, score) for (start, end), score in ranked[:count]]


@st.composite
def window_lists(draw: st.DrawFn) -> list[WindowLogits]:
    """Overlapping windows over pieces that are grouped to words, with logits that often tie."""
    words = np.cumsum(draw(st.lists(st.booleans(), min_size=1, max_size=40)))
    firsts = np.searchsorted(words, words, side="left")
    lasts = np.searchsorted(words, words, side="right")
    characters = np.stack([firsts * 3, lasts * 3 - 1], axis=1).astype(np.int64)
    values = draw(st.sampled_from([st.integers(-2, 2), st.floats(-9, 9, width=32)]))
    windows = []
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.integers(0, len(words) - 1))
        size = draw(st.integers(1, len(words) - first))
        row = st.lists(values, min_size=size, max_size=size)
        start, end = (np.array(draw(row), dtype=np.float32) for _ in range(2))
        windows.append(WindowLogits(start, end, characters[first : first + size]))
    return windows


@settings(deadline=None, max_examples=300)
@given(window_lists(), st.integers(1, 45), st.integers(1, 60))
def test_search_finds_exactly_what_trying_every_span_finds(
    windows: list[WindowLogits], longest: int, count: int
) -> None:
    assert best_spans(windows, longest, count) == brute_force(windows, longest, count)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("scale", [0.0, 1.0, 8.0])
def test_search_is_exact_at_the_size_of_a_real_window(scale: float, ties: bool) -> None:
    generator = np.random.default_rng(7)
    firsts = np.arange(384) // 3 * 10  # three pieces to a word
    characters = np.stack([firsts, firsts + 9], axis=1)
    start, end = (np.round(generator.normal(size=384) * scale, 0 if ties else 9).astype(np.float32) for _ in range(2))
    window = WindowLogits(start, end, characters)
    assert best_spans([window], 30, 20) == brute_force([window], 30, 20)


def test_search_widens_until_enough_distinct_spans_are_found() -> None:
    firsts = np.arange(200) // 40 * 10  # forty pieces to a word: the best candidates are all one span
    start, end = (np.linspace(9, 0, 200).astype(np.float32) for _ in range(2))
    window = WindowLogits(start, end, np.stack([firsts, firsts + 9], axis=1))
    found = best_spans([window], 30, 4)
    assert len(found) == 4
    assert found == brute_force([window], 30, 4)


def test_search_memory_grows_with_length_times_max_answer_length() -> None:
    length, longest = 8000, 10
    window = WindowLogits(
        np.zeros(length, np.float32), np.zeros(length, np.float32), np.arange(2 * length).reshape(-1, 2)
    )
    tracemalloc.start()
    best_spans([window], longest, 20)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * 8 * length * longest  # 7.7 MB; length x length float64 would be 512 MB
