"""Where the best candidate of fill-mask is mostly wrong, the probability of the masked words judges int8."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.exporter.conftest import VOCABULARY, TinyBundle

import bert_runtime
from bert_calibration import measure
from bert_export.errors import GateError
from bert_export.options import ExportOptions
from bert_export.probing import Probing
from bert_export.progress import Stages
from bert_export.report import ExportReport
from bert_export.requantize import requantize

TEXTS = [f"the {noun} was [MASK], {i}" for i, noun in enumerate(("movie", "book") * 40)]
ENOUGH = 0.2
"""A drop that the half of TEXTS can tell."""


@pytest.fixture(autouse=True)
def twice_as_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """How fast a network of width 32 is says nothing, and changes from run to run."""
    monkeypatch.setattr(measure, "speed_up", lambda *_: 2.0)


@pytest.fixture(scope="session")
def fp32(tiny_bundle: TinyBundle) -> Path:
    return tiny_bundle("fill-mask", False).bundle


@pytest.fixture
def ranked(fp32: Path, tmp_path: Path) -> Callable[[int], Path]:
    """A file whose gold words are the candidates of that rank, from 0, in fp32."""

    def write(rank: int) -> Path:
        asked = [{"text": text, "top_k": len(VOCABULARY)} for text in TEXTS]
        with bert_runtime.load(fp32, options=bert_runtime.Options("cpu")) as session:
            words = [[mask.candidates[rank].token for mask in answer.masks] for answer in session.predict(asked)]
        lines = [json.dumps({"text": text, "words": word}) for text, word in zip(TEXTS, words, strict=True)]
        path = tmp_path / f"{rank}.jsonl"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def made(fp32: Path, tmp_path: Path) -> Callable[[Path], ExportReport]:
    def make(data: Path, **more: Any) -> ExportReport:
        options = {"calibrate": data, "max_drop": ENOUGH, **more}
        return requantize(ExportOptions(bundle=fp32, int8=True, output=tmp_path / "int8", **options), Stages())

    return make


@pytest.mark.parametrize(
    ("rank", "metric"),
    [
        (0, "masked-word accuracy"),
        (1, "log-probability of masked words"),
        (-1, "agreement with fp32 (same best words)"),
    ],
    ids=["best words", "second words", "words that fp32 finds least probable"],
)
def test_what_judges_is_the_first_figure_of_which_fp32_has_something_to_lose(
    rank: int, metric: str, ranked: Callable[[int], Path], made: Callable[..., ExportReport]
) -> None:
    report = made(ranked(rank)).artefacts[0].int8
    assert report is not None
    assert report.accuracy["metric"] == metric
    assert report.accuracy["samples"] == report.judged_on == report.agreement.samples == 40
    assert report.agreement.metric == "same best words"
    assert any(f"judged by {metric}" in note for note in report.quantization["notes"]) is (rank == 1)


def test_a_constraint_of_which_fp32_has_less_is_not_met_by_losing_all(
    ranked: Callable[[int], Path], made: Callable[..., ExportReport], tmp_path: Path
) -> None:
    """Of 80 samples 8 are right: a constraint of 0.2 would let all of them go."""
    right, wrong = (ranked(rank).read_text().splitlines() for rank in (0, 1))
    data = tmp_path / "some.jsonl"
    data.write_text("\n".join(right[i] if i % 10 == 1 else wrong[i] for i in range(len(wrong))) + "\n")
    report = made(data).artefacts[0].int8
    assert report is not None
    assert report.metrics[0].value == pytest.approx(0.2, abs=0.2)
    assert report.accuracy["metric"] == "log-probability of masked words"


def test_words_that_become_less_probable_are_no_bundle(
    ranked: Callable[[int], Path], made: Callable[..., ExportReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What int8 answers is taken for fp32's, and the other way round, with a third of each probability."""
    told = Probing.change

    def change(self: Probing, results: Any, reference: Any) -> Any:
        found = told(self, results, reference)
        assert found is not None
        return type(found)(found.metric, found.value - math.log(3), found.low - 1, found.high - 1, found.samples)

    monkeypatch.setattr(Probing, "change", change)
    with pytest.raises(GateError, match=r"at best log-probability of masked words drops by 1\.\d+"):
        made(ranked(1))
