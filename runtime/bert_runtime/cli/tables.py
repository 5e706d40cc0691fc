"""A JSON object as tables of printable text: its plain fields, its lists of objects, and objects in it likewise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bert_runtime.cli.printable import printable
from bert_runtime.record_writers import Json, dumps

SHOWN_NUMBERS = 4
"""How many numbers of a longer list are shown."""


@dataclass(frozen=True)
class Table:
    """Rows of printable text under a title; without column names, its rows are pairs of a name and a value.

    Attributes:
        shares: the score of each row, 0..1; None for a row without one, empty where no row has one.
        labels: the label of each row that lies in a text; empty where rows are no spans.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    shares: tuple[float | None, ...] = ()
    labels: tuple[str, ...] = ()


def tables(title: str, record: Mapping[str, Json], request: Mapping[str, object] | None = None) -> Iterator[Table]:
    """The object's plain fields without nulls, then each of its lists of objects and objects, under its name.

    Args:
        request: what was asked: where it has a list of as many texts as `scores` has numbers, these are a table too.
    """
    plain = {name: value for name, value in record.items() if value is not None and not _is_nested(value)}
    scored = _scored(plain.get("scores"), request or {})
    if scored is not None:
        del plain["scores"]
    if plain:
        shares = tuple(_share(value) if name == "score" else None for name, value in plain.items())
        yield Table(
            _text(title) if title else "", (), tuple((_text(n), _text(v)) for n, v in plain.items()), _any(shares)
        )
    if scored is not None:
        yield scored
    for name, value in record.items():
        below = f"{title} {name}".strip()
        if isinstance(value, dict) and value:
            yield from tables(below, value)
        elif isinstance(value, list) and _is_nested(value):
            items = [item for item in value if isinstance(item, dict)]
            if any(_is_nested(part) for item in items for part in item.values()):
                for number, item in enumerate(items, start=1):
                    yield from tables(f"{below} {number}", item)
            else:
                yield _table(below, items)


def _is_nested(value: Json) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict) and bool(value)


def _table(title: str, items: Sequence[Mapping[str, Json]]) -> Table:
    columns = tuple(dict.fromkeys(name for item in items for name in item))
    rows = tuple(tuple(_text(item.get(name)) for name in columns) for item in items)
    labels = tuple(str(item["label"]) for item in items if "label" in item and "start" in item)
    shares = _any(tuple(_share(item.get("score")) for item in items))
    return Table(_text(title), tuple(map(_text, columns)), rows, shares, labels if len(labels) == len(items) else ())


def _scored(scores: Json, request: Mapping[str, object]) -> Table | None:
    """The scores beside the texts of the request that they are of."""
    numbers = [score for score in scores if isinstance(score, float)] if isinstance(scores, list) else []
    for name, texts in request.items():
        if isinstance(texts, list | tuple) and len(texts) == len(numbers) > 0:
            pairs = sorted(zip(numbers, texts, strict=True), key=lambda pair: -pair[0])
            rows = tuple((_text(text), _text(score)) for score, text in pairs)
            return Table(_text(name), ("text", "score"), rows, _any(tuple(_share(score) for score, _ in pairs)))
    return None


def _share(value: Json) -> float | None:
    return value if isinstance(value, float) and 0 <= value <= 1 else None


def _any(shares: tuple[float | None, ...]) -> tuple[float | None, ...]:
    return shares if any(share is not None for share in shares) else ()


def _text(value: Json) -> str:
    """A value on one line."""
    if value is None or value in ([], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return _list(value)
    return printable(value if isinstance(value, str) else dumps(value))


def _list(values: Sequence[Json]) -> str:
    numbers = all(isinstance(value, int | float) for value in values)
    shown = values[:SHOWN_NUMBERS] if numbers and len(values) > 3 * SHOWN_NUMBERS else values
    more = f" … ({len(values)} numbers)" if len(shown) < len(values) else ""
    return ", ".join(map(_text, shown)) + more
