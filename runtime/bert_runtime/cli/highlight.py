"""Spans of an answer within the texts of its request, whatever the task: found by their fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bert_runtime.record_writers import Json

SHOWN_AROUND = 300
"""Characters that are shown on each side of a span; what is farther from all of them is left out."""

GAP = " … "
"""What stands for it."""


@dataclass(frozen=True)
class Part:
    """A part of a text: a span with its label and rank, or what is between spans.

    Attributes:
        text: as it stands in the request, or shortened.
        label: the span's; empty where it has none.
        rank: the span's place among the spans of the answer, from 0; None for what is no span.
    """

    text: str
    label: str = ""
    rank: int | None = None


@dataclass(frozen=True)
class _Span:
    start: int
    end: int
    label: str
    rank: int


def highlighted(answer: Mapping[str, Json], request: Mapping[str, object]) -> Iterator[tuple[Part, ...]]:
    """Each list of spans that the answer has, as parts of the text of the request that all of them are taken from.

    A span is an object with `start` and `end`, in code points, and `text`: the characters between them. Of two that
    overlap, the one that comes first in the answer counts.
    """
    texts = [value for value in request.values() if isinstance(value, str)]
    for value in answer.values():
        items = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
        spans = [(item, span) for rank, item in enumerate(items) if (span := _span(item, rank)) is not None]
        source = next((text for text in texts if all(_is_from(text, *each) for each in spans)), None)
        if spans and source is not None:
            yield tuple(_parts(source, _apart([span for _, span in spans])))


def _span(item: Mapping[str, Json], rank: int) -> _Span | None:
    start, end, label = item.get("start"), item.get("end"), item.get("label")
    if not isinstance(start, int) or not isinstance(end, int) or not item.get("text"):
        return None
    return _Span(start, end, label if isinstance(label, str) else "", rank)


def _is_from(text: str, item: Mapping[str, Json], span: _Span) -> bool:
    return text[span.start : span.end] == item["text"]


def _apart(spans: Sequence[_Span]) -> list[_Span]:
    kept: list[_Span] = []
    for span in spans:
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda span: span.start)


def _parts(text: str, spans: Sequence[_Span]) -> Iterator[Part]:
    at = 0
    for span in spans:
        yield Part(_shortened(text[at : span.start], at > 0, True))
        yield Part(text[span.start : span.end], span.label, span.rank)
        at = span.end
    yield Part(_shortened(text[at:], at > 0, False))


def _shortened(text: str, follows: bool, leads: bool) -> str:
    """The text between two spans, or before the first, or after the last: no more of it than is near to a span."""
    head, tail = SHOWN_AROUND * follows, SHOWN_AROUND * leads
    if len(text) <= head + tail + len(GAP):
        return text
    first, last = text[:head], text[len(text) - tail :]
    # Between words, where there are some.
    return (first.rpartition(" ")[0] or first) + GAP + (last.partition(" ")[2] or last)
