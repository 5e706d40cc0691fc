"""The real question-answering head, calibrated on other texts than it is asked about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bert_calibration.accuracy import Drop
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.config import QuantizationConfig
from bert_calibration.quantize import Evidence, quantize
from bert_runtime import bundle as bundles
from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine
from bert_runtime.tasks.request import Request

CONTEXT = (Path(__file__).parents[2] / "examples" / "transformers.txt").read_text(encoding="utf-8")
SUBJECTS = ("the river", "a library", "our teacher", "the old bridge", "this village", "the orchestra", "a merchant")
DEEDS = (
    "was built in 1842",
    "is known for its green roof",
    "moved to Lisbon",
    "has three hundred pages",
    "sings at dawn",
)
PLACES = ("near the harbour", "behind the station", "in the north of Norway", "under a hill of chalk")
QUESTIONS = ("What {}?", "Where is {}?", "When did {} change?", "Who knows {}?", "How many people saw {}?")


def sentences() -> list[str]:
    return [f"{who[0].upper()}{who[1:]} {deed} {place}." for who in SUBJECTS for deed in DEEDS for place in PLACES]


def questions(baseline: BaselineArtefact, first: int, number: int) -> list[Request]:
    """Questions about texts of one to twelve sentences; every fifth about the project's own example."""
    texts, records = sentences(), []
    for i in range(first, first + number):
        context = CONTEXT if i % 5 == 4 else " ".join(texts[(i * 7 + k * 13) % len(texts)] for k in range(1 + i % 12))
        records.append({"question": QUESTIONS[i % 5].format(SUBJECTS[i % 7]), "context": context})
    return baseline.requests(records)


def other_answers(results: Sequence[Any], reference: Sequence[Any]) -> Drop:
    """The share of requests whose best answer lies elsewhere."""
    spots = [[(each.answers[0].start, each.answers[0].end) for each in part] for part in (results, reference)]
    share = sum(bool(one != other) for one, other in zip(*spots, strict=True)) / len(reference)
    return Drop("same best span", share, share, share, len(reference))


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "lost"), [("performance", 0.2), ("accuracy", 0.1)])
def test_most_answers_are_those_of_fp32_at_a_third_of_the_size(
    preset: str, lost: float, demo_folder: Path, tmp_path: Path
) -> None:
    baseline = BaselineArtefact.of(bundles.read(demo_folder / "build" / "demo-qa"), "cpu")
    evidence = Evidence(questions(baseline, 0, 40), questions(baseline, 100, 60), other_answers)
    made = quantize(
        baseline, QuantizationConfig(preset=preset, max_drop=lost, min_speed=0.0), evidence, tmp_path / "model.onnx"
    )
    assert made.search is not None

    assert made.conversion.operators == (
        {"MatMulIntegerToFloat": 18, "QAttention": 6} if preset == "performance" else {"MatMulIntegerToFloat": 24}
    )
    assert len(made.search.trials) == 1
    assert (tmp_path / "model.onnx").stat().st_size < 0.28 * baseline.path.stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["performance", "accuracy"])
def test_an_answer_alone_is_the_answer_in_a_batch(preset: str, demo_folder: Path, tmp_path: Path) -> None:
    baseline = BaselineArtefact.of(bundles.read(demo_folder / "build" / "demo-qa"), "cpu")
    evidence = Evidence(questions(baseline, 0, 40), questions(baseline, 100, 8), other_answers)
    quantize(
        baseline, QuantizationConfig(preset=preset, max_drop=1.0, min_speed=0.0), evidence, tmp_path / "model.onnx"
    )
    engine, asked = OnnxRuntimeEngine(tmp_path / "model.onnx", 2), questions(baseline, 200, 40)
    together = baseline.answers(engine, asked)
    for one, request in zip(together, asked, strict=True):
        (alone,) = baseline.answers(engine, [request])
        assert [(answer.start, answer.end) for answer in one.answers] == [(a.start, a.end) for a in alone.answers]
        assert one.answers[0].score == pytest.approx(alone.answers[0].score, abs=1e-3)
