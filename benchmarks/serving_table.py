"""The tables of `benchmarks.serving` and of `benchmarks.serving_infinity`."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.markdown import markdown

Row = Mapping[str, Any]


def serving(measurements: Mapping[str, Any]) -> Iterator[str]:
    """Both servers by case, with the medians of the rounds' ratios; one client; what became of too many requests."""
    rows = [_case(name, rounds) for name, rounds in measurements["closed"].items()]
    columns = ["requests/s: ours, FastAPI", "ratio", "p99 ms: ours, FastAPI", "ratio", "CPU ms: ours, FastAPI"]
    yield from markdown(["32 clients", *columns, "ours to predict's"], rows)
    yield ""
    one = measurements["one"]
    yield "One client, p50 in ms: " + ", ".join(f"{name} {_median(one, name):.1f}" for name in one[0]) + "."
    yield ""
    for name, over in measurements["overload"].items():
        statuses = ", ".join(f"{count:,} with {status}" for status, count in over["statuses"].items())
        yield (
            f"{name}: {over['offered']:.0f} requests/s, 1.5 times the capacity ({over['capacity before']:.0f} before, "
            f"{over['capacity after']:.0f} after): {statuses}; {over['goodput']:.0f} answers/s, "
            f"p99 {over['p99 ms']:.0f} ms, "
            f"bound {over['bound ms']:.0f} ms; in the server, a refusal took "
            f"{over['refused in the server, mean ms']:.2f} ms."
        )
        yield ""


def _case(name: str, rounds: Sequence[Mapping[str, Any]]) -> list[str]:
    def median(value: Callable[[Row], float]) -> float:
        return statistics.median(map(value, rounds))

    def both(key: str, digits: int) -> str:
        found = (statistics.median(row[who][key] for row in rounds) for who in ("ours", "plain"))
        return ", ".join(f"{value:.{digits}f}" for value in found)

    def ratio(key: str) -> str:
        return f"{median(lambda row: row['ours'][key] / row['plain'][key]):.2f}x"

    to_predict = f"{median(lambda row: row['ours']['cpu'] / row['predict']):.2f}x"
    return [name, both("rate", 0), ratio("rate"), both("p99", 0), ratio("p99"), both("cpu", 2), to_predict]


def _median(rounds: Sequence[Row], name: str) -> float:
    return statistics.median(float(row[name]) for row in rounds)


def infinity(measurements: Mapping[str, Any]) -> Iterator[str]:
    """Both servers by task, with the medians of the rounds' ratios."""
    yield f"Infinity {measurements['version']}, 32 clients, medians of {len(measurements['rounds'])} rounds."
    yield ""
    rows = [_against(task, [row[task] for row in measurements["rounds"]]) for task in measurements["rounds"][0]]
    yield from markdown(["task", "requests/s: ours, Infinity", "ratio", "CPU ms: ours, Infinity", "ratio"], rows)


def _against(task: str, rounds: Sequence[Mapping[str, Any]]) -> list[str]:
    def both(key: str, digits: int) -> str:
        found = (statistics.median(row[who][key] for row in rounds) for who in ("ours", "infinity"))
        return ", ".join(f"{value:.{digits}f}" for value in found)

    def ratio(key: str) -> str:
        return f"{statistics.median(row['ours'][key] / row['infinity'][key] for row in rounds):.2f}x"

    return [task, both("rate", 0), ratio("rate"), both("cpu", 2), ratio("cpu")]
