"""Everything: `python -m benchmarks.run [--short]` measures, one benchmark after another, then makes tables and page.

The whole takes about three hours on two quiet cores, --short half an hour: BERT-base's text classification, and fewer
rounds. Both make what is missing first, which takes an hour the first time.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from benchmarks import (
    bulk,
    export_time,
    generation,
    latency,
    memory,
    new_lengths,
    overhead,
    real_text,
    roofline,
    session_options,
    table,
)
from benchmarks.page import __main__ as page

Step = tuple[Callable[[Sequence[str]], None], Sequence[str]]
"""A benchmark's command and its arguments."""

BASE = ("--models", "text-classification-bert-base")
SHORT: Sequence[Step] = (
    (latency.main, [*BASE, "--precisions", "int8", "--limit", "60"]),
    (latency.main, [*BASE, "--precisions", "fp32", "bf16", "--cases", "b1 s128", "b8 s128", "--limit", "60"]),
    (latency.main, ["--models", "fill-mask-bert-base", "--precisions", "fp32", "--cases", "b1 s128", "--limit", "60"]),
    (bulk.main, ["--texts", "512"]),
    (memory.main, ["--processes", "3"]),
    (new_lengths.main, ["--rounds", "1"]),
    (roofline.main, ["--rounds", "3"]),
    (real_text.main, ["--limit", "40"]),
    (export_time.main, ["--runs", "1"]),
)
FULL: Sequence[Step] = (
    (latency.main, []),
    (latency.main, [*BASE, "--threads", "1"]),
    (bulk.main, []),
    (memory.main, []),
    (new_lengths.main, []),
    (roofline.main, []),
    (real_text.main, []),
    (overhead.main, []),
    (export_time.main, []),
    (export_time.main, ["--model", "question-answering-bert-base"]),
    (generation.main, []),
    (session_options.main, ["build/demo-qa"]),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks one after another; results are kept as each ends."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--short", action="store_true", help="what matters most, in half an hour")
    parsed = flags.parse_args(arguments)
    for measure, options in SHORT if parsed.short else FULL:
        measure(options)
    table.main()
    page.main([])


if __name__ == "__main__":
    main()
