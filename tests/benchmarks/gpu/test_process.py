"""An engine's process answers, fails by name, and never holds up the command for longer than it was given."""

from __future__ import annotations

import time

import pytest
from benchmarks.gpu.process import Budget, EngineError, Process
from tests.benchmarks.gpu.toys import doubling, refusing


def test_a_failure_is_told_and_the_process_answers_the_next_order() -> None:
    with Process(doubling) as process:
        assert process.wait(60) is None
        with pytest.raises(EngineError, match=r"^ZeroDivisionError: division by zero$"):
            process.ask(0, 60)
        assert process.ask(21, 60) == 42


def test_an_order_that_takes_too_long_ends_the_process_and_later_ones_say_so() -> None:
    with Process(doubling) as process:
        process.wait(60)
        began = time.monotonic()
        with pytest.raises(EngineError, match="no answer after 0 s"):
            process.ask(-1, 0.2)
        assert time.monotonic() - began < 10
        with pytest.raises(EngineError, match="has ended"):
            process.ask(1, 60)


def test_a_process_that_dies_is_told_with_its_exit_code() -> None:
    with Process(doubling) as process:
        process.wait(60)
        with pytest.raises(EngineError, match="ended with 13"):
            process.ask(13, 60)


def test_what_cannot_be_loaded_says_why_in_one_line() -> None:
    with Process(refusing) as process, pytest.raises(EngineError, match=r"^RuntimeError: the library is too old$"):
        process.wait(60)


def test_a_budget_is_shared_and_never_negative() -> None:
    assert Budget(1.0, time.monotonic() - 5).left == 0
    assert Budget.of(100).share(0.5).left == pytest.approx(50, abs=1)
