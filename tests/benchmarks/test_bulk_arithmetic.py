"""The page of arithmetic says what the raw results say."""

from __future__ import annotations

import pytest
from benchmarks.bulk_arithmetic import MARKS, PAGE, Rate, rates, table
from benchmarks.markdown import replaced
from benchmarks.results import read_all


def test_the_page_is_made_from_the_results() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert replaced(page, table(rates(read_all())), MARKS) == page


def test_core_hours_are_those_of_every_cpu_that_was_busy() -> None:
    rate = Rate("m", "w", texts=1000.0, tokens=60_000.0, cpus=2)
    assert rate.core_hours == pytest.approx(1e9 / 1000 / 3600 * 2)
