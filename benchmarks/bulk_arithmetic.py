"""What a billion texts take, from the raw results: `python -m benchmarks.bulk_arithmetic [--check] [--price 0.05]`.

Writes the table of `docs/guides/billion-texts.md`; `--check` compares instead, and ends with 1 where the page differs.
`--price`, of an hour of one CPU, prints the table with a column of costs, and writes nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.markdown import markdown, replaced
from benchmarks.results import Result, read_all

PAGE = Path(__file__).parents[1] / "docs/guides/billion-texts.md"
MARKS = (
    "<!-- arithmetic: made by `python -m benchmarks.bulk_arithmetic`, do not edit -->",
    "<!-- end of arithmetic -->",
)
TEXTS = 1_000_000_000

OURS, OTHER = "bert-export, ", "transformers pipeline"


@dataclass(frozen=True)
class Rate:
    """What one way does on one machine; `cpus` are the virtual CPUs that it had."""

    machine: str
    way: str
    texts: float
    tokens: float
    cpus: int

    @property
    def core_hours(self) -> float:
        """Of a virtual CPU, for all texts."""
        return TEXTS / self.texts / 3600 * self.cpus


def rates(results: Iterable[Result]) -> Iterator[Rate]:
    """Texts/s and tokens/s of each way in throughput mode, by the median of the rounds."""
    for result in results:
        if result.benchmark != "bulk":
            continue
        found = result.measurements
        for way, seconds in found["ways"].items():
            if way.startswith((OURS, OTHER)) and "latency" not in way:
                spent = statistics.median(seconds)
                texts, tokens = found["texts"] / spent, found["tokens"] / spent
                yield Rate(result.machine.name, way.removeprefix(OURS), texts, tokens, result.threads)


def table(found: Iterable[Rate], price: float | None = None) -> str:
    """The table of the page; with the `price` of a core hour, what each way costs."""
    columns = ["machine", "way", "texts/s", "tokens/s", "core hours", *(["cost"] if price else [])]
    rows = [
        [
            rate.machine,
            rate.way,
            f"{rate.texts:,.0f}",
            f"{rate.tokens:,.0f}",
            f"{rate.core_hours:,.0f}",
            *([f"{rate.core_hours * price:,.0f}"] if price else []),
        ]
        for rate in found
    ]
    return "\n".join(markdown(columns, rows))


def engines(measurements: Mapping[str, Any]) -> Iterator[str]:
    """The table of `benchmarks.bulk_engines`: seconds of whole processes, and the memory of the stream."""
    load = measurements["load"]
    rows = [
        [way, f"{min(spent):.1f}", f"{statistics.median(spent):.1f}"] for way, spent in measurements["ways"].items()
    ]
    yield from markdown([f"{measurements['texts']:,} texts", "fastest, s", "median, s"], rows)
    yield ""
    yield f"Of these, a run over one text takes {load:.1f} s."
    ray = measurements.get("ray")
    if ray:
        yield ""
        shown = [
            [way, _median(each, 0), _median(ray["cpu"][way], 0), _median(ray["start"].get(way), 1)]
            for way, each in ray["ways"].items()
        ]
        yield from markdown(["", "rows/s", "rows per CPU second", "start-up, s"], shown)
        yield ""
        yield f"An answer takes {ray['bytes_a_row']:.0f} bytes of the object store."
    stream = measurements.get("stream")
    if stream:
        early, late = (stream[name] / 1e6 for name in ("early", "late"))
        yield f"While {stream['rows']:,} rows pass: {early:.0f} MB in the first tenth, {late:.0f} MB afterwards."


def _median(found: Sequence[float] | None, digits: int) -> str:
    return f"{statistics.median(found):,.{digits}f}" if found else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare the page, or print it with costs."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--check", action="store_true")
    flags.add_argument("--price", type=float)
    parsed = flags.parse_args(arguments)
    if parsed.price:
        print(table(rates(read_all()), parsed.price))
        return 0
    page = PAGE.read_text(encoding="utf-8")
    made = replaced(page, table(rates(read_all())), MARKS)
    if not parsed.check:
        PAGE.write_text(made, encoding="utf-8")
        return 0
    if made != page:
        print(f"{PAGE}: differs from the results; run python -m benchmarks.bulk_arithmetic", file=sys.stderr)
    return int(made != page)


if __name__ == "__main__":
    raise SystemExit(main())
