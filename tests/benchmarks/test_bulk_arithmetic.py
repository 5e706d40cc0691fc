"""The page of arithmetic says what the raw results say."""

from __future__ import annotations

import pytest
from benchmarks.bulk_arithmetic import MARKS, PAGE, Rate, engines, rates, table
from benchmarks.markdown import replaced
from benchmarks.results import read_all


def test_the_page_is_made_from_the_results() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert replaced(page, table(rates(read_all())), MARKS) == page


def test_core_hours_are_those_of_every_cpu_that_was_busy() -> None:
    rate = Rate("m", "w", texts=1000.0, tokens=60_000.0, cpus=2)
    assert rate.core_hours == pytest.approx(1e9 / 1000 / 3600 * 2)


def test_a_price_is_the_readers_own() -> None:
    rate = Rate("m", "w", texts=1000.0, tokens=60_000.0, cpus=2)
    assert "| 556 | 28 |" in table([rate], 0.05)
    assert "cost" not in table([rate])


def test_engines_show_seconds_and_memory() -> None:
    stream = {"rows": 1000, "seconds": 1.0, "early": 200_000_000, "late": 210_000_000}
    ray = {"ways": {"local": [90.0, 100.0, 110.0]}, "cpu": {"local": [50.0]}, "start": {}, "bytes_a_row": 56.4}
    found = {"texts": 10, "load": 1.25, "ways": {"Parquet": [3.0, 2.0, 4.0]}, "stream": stream, "ray": ray}
    shown = "\n".join(engines(found))
    assert "| Parquet | 2.0 | 3.0 |" in shown
    assert "| local | 100 | 50 |" in shown
    assert "56 bytes of the object store" in shown
    assert "200 MB in the first tenth, 210 MB afterwards" in shown
