"""What a billion texts take, from the raw results: `python -m benchmarks.bulk_arithmetic [--check]` writes the table of
`docs/guides/billion-texts.md`; `--check` compares instead, and ends with 1 where the page differs."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Iterator, Mapping
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
PRICE = 0.0446
"""US dollars for an hour of a virtual CPU: c7i.large on demand in us-east-1, as listed in January 2025, by two."""

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


def table(found: Iterable[Rate]) -> str:
    """The table of the page."""
    columns = ["machine", "way", "texts/s", "tokens/s", "core hours", "US dollars"]
    rows = [
        [
            rate.machine,
            rate.way,
            f"{rate.texts:,.0f}",
            f"{rate.tokens:,.0f}",
            f"{rate.core_hours:,.0f}",
            f"{rate.core_hours * PRICE:,.0f}",
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
    stream = measurements.get("stream")
    if stream:
        early, late = (stream[name] / 1e6 for name in ("early", "late"))
        yield f"While {stream['rows']:,} rows pass: {early:.0f} MB in the first tenth, {late:.0f} MB afterwards."


def main() -> int:
    """Write or compare the page."""
    page = PAGE.read_text(encoding="utf-8")
    made = replaced(page, table(rates(read_all())), MARKS)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made, encoding="utf-8")
        return 0
    if made != page:
        print(f"{PAGE}: differs from the results; run python -m benchmarks.bulk_arithmetic", file=sys.stderr)
    return int(made != page)


if __name__ == "__main__":
    raise SystemExit(main())
