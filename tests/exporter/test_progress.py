"""Stages are timed everywhere and shown on a terminal alone."""

from __future__ import annotations

import sys
import time

import pytest

from bert_export.progress import Stages


class Terminal:
    """Standard error as a terminal that keeps what is written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return True


def test_the_time_of_a_stage_is_kept_and_adds_up() -> None:
    stages = Stages()
    for _ in range(2):
        with stages.stage("trace"):
            time.sleep(0.01)
    with stages.stage("fuse"):
        pass

    assert list(stages.seconds) == ["trace", "fuse"]
    assert stages.seconds["trace"] >= 0.02
    assert 0 <= stages.seconds["fuse"] < 0.01


def test_a_stage_that_fails_is_not_shown_as_done(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    stages = Stages(show=True)
    with pytest.raises(ValueError, match="no"), stages.stage("trace"):
        raise ValueError("no")

    assert stages.seconds == {}
    assert "✓" not in terminal.text


def test_a_terminal_shows_each_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Stages(show=True).stage("trace"):
        pass

    assert "✓" in terminal.text
    assert "trace" in terminal.text


def test_nothing_is_shown_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Stages(show=False).stage("trace"):
        pass

    assert terminal.text == ""


def test_nothing_is_shown_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Stages(show=True).stage("trace"):
        pass

    assert capsys.readouterr() == ("", "")


def test_a_detail_is_shown_and_does_not_split_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    stages = Stages(show=True)
    for detail in ("(one)", "(two)"):
        with stages.stage("measure", detail):
            pass
    assert list(stages.seconds) == ["measure"]
    assert "measure (one)" in terminal.text
    assert "measure (two)" in terminal.text
