"""Which requests are continued together: those of similar length, under the session's limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bert_runtime.schedule import BatchLimits
from bert_runtime.tasks.text_generation import GenerationSettings


def lanes(settings: GenerationSettings) -> int:
    """How many rows of a batch a request takes at most."""
    return max(settings.num_beams, settings.num_return_sequences)


@dataclass(frozen=True)
class Extent:
    """How large a request is: what it asks for, and the tokens of its prompt and of its source."""

    settings: GenerationSettings
    prompt: int
    source: int = 0


def plan(requests: Sequence[Extent], limits: BatchLimits) -> list[list[int]]:
    """Indices of requests in batches; one that exceeds the limits runs alone.

    Rows and tokens count every lane at its greatest length: that is what the cache may take; and the sources. Settings
    may differ within a batch, since each request has a search of its own.
    """
    order = sorted(
        range(len(requests)),
        key=lambda i: (requests[i].settings.max_new_tokens, requests[i].source, requests[i].prompt),
    )
    batches: list[list[int]] = []
    for i in order:
        wider = [*batches[-1], i] if batches else [i]
        members = [requests[j] for j in wider]
        rows, tokens = size(members)
        tokens += len(members) * max(member.source for member in members)
        if len(wider) > 1 and rows <= limits.max_batch_size and tokens <= limits.max_batch_tokens:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def size(requests: Sequence[Extent]) -> tuple[int, int]:
    """The rows of a batch, and its own tokens over all rows, padding included: at most, at its end."""
    rows = sum(lanes(request.settings) for request in requests)
    width = max(request.prompt for request in requests) + max(request.settings.max_new_tokens for request in requests)
    return rows, rows * width
