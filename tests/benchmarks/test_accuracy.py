"""What the accuracy benchmark keeps: refusals in their words, metrics against gold, and gold made of answers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from benchmarks.accuracy import _row, _with_own_gold, export_variant
from benchmarks.accuracy_heads import CALIBRATION, HEADS, VARIANTS, MeasuredHead, Variant, samples_files
from training.held_out import write_lines

import bert_runtime
from bert_calibration.quality import measure_of
from bert_calibration.quality.entities import spans
from bert_runtime.tasks import find_task

GOLDEN = Path(__file__).parents[1] / "golden" / "v1" / "token-classification"
HEAD = MeasuredHead(
    "token-classification",
    source=list,
    test=lambda: [{"text": f"the {i}"} for i in range(50)],
    calibration=lambda: [{"text": f"a {i}"} for i in range(3 * CALIBRATION)],
    about="made up",
)


def test_every_head_names_a_task_and_every_variant_is_told_apart() -> None:
    assert all(find_task(head.task).name == head.task for head in HEADS.values())
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS)


def test_a_limit_takes_the_first_test_samples_and_calibration_spreads_over_its_own(tmp_path: Path) -> None:
    test, calibration = (path.read_text(encoding="utf-8") for path in samples_files(HEAD, tmp_path, 10))

    assert [json.loads(line)["text"] for line in test.splitlines()] == [f"the {i}" for i in range(10)]
    assert [json.loads(line)["text"] for line in calibration.splitlines()][:3] == ["a 0", "a 3", "a 6"]
    assert len(calibration.splitlines()) == CALIBRATION


def test_what_bert_export_refuses_is_kept_in_its_words(tmp_path: Path) -> None:
    refusal = export_variant(HEAD, [], Variant("x", ("--target", "abacus")), tmp_path / "c.jsonl", tmp_path / "bundle")

    assert refusal is not None
    assert "abacus" in refusal
    assert not (tmp_path / "bundle").exists()


def test_a_crash_is_no_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(SystemExit, match=r"bert_export\.cli .* failed"):
        export_variant(HEAD, [], Variant("x", ()), tmp_path / "c.jsonl", tmp_path / "bundle")


def test_answers_as_gold_are_right_by_themselves(tmp_path: Path) -> None:
    texts = ["the good film", "a bad film", "the art"]
    test = write_lines([{"text": text} for text in texts], tmp_path / "test.jsonl")
    with bert_runtime.load(GOLDEN) as session:
        results = list(session.predict([{"text": text} for text in texts]))
        samples = _with_own_gold(test, session, results)
        measure = measure_of(session.task, session.record.settings)
    row = _row("x", measure, samples, results, results)

    assert samples.golds == tuple(spans(result) for result in results)
    assert any(samples.golds)
    assert row["metrics"][0]["value"] == row["agreement"]["value"] == 1.0
    assert row["differences"][0]["value"] == 0.0
