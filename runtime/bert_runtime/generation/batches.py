"""Which requests are continued together: those of similar length, under the session's budget."""

from __future__ import annotations

from collections.abc import Sequence

from bert_runtime.schedule import Budget
from bert_runtime.tasks.text_generation import GenerationSettings


def lanes(settings: GenerationSettings) -> int:
    """How many rows of a batch a request takes at most."""
    return max(settings.num_beams, settings.num_return_sequences)


def plan(requests: Sequence[tuple[GenerationSettings, int]], budget: Budget) -> list[list[int]]:
    """Indices of requests, each with the length of its prompt, in batches; one that exceeds the budget runs alone.

    Rows and tokens count every lane at its greatest length: that is what the cache may take. Settings may differ within
    a batch, since each request has a search of its own.
    """
    order = sorted(range(len(requests)), key=lambda i: (requests[i][0].max_new_tokens, requests[i][1]))
    batches: list[list[int]] = []
    for i in order:
        wider = [*batches[-1], i] if batches else [i]
        rows, tokens = size([requests[j] for j in wider])
        if len(wider) > 1 and rows <= budget.rows and tokens <= budget.tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def size(requests: Sequence[tuple[GenerationSettings, int]]) -> tuple[int, int]:
    """The rows of a batch, and its tokens over all rows, padding included: at most, at its end."""
    rows = sum(lanes(settings) for settings, _ in requests)
    width = max(length for _, length in requests) + max(settings.max_new_tokens for settings, _ in requests)
    return rows, rows * width
