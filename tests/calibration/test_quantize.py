"""The whole way: from a config and evidence to a file and a report, or to a sentence that says what is wrong."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.calibration.conftest import GOLDEN, GetBaseline, requests_of

from bert_calibration.accuracy import Drop
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.config import QuantizationConfig
from bert_calibration.errors import CalibrationError, QuantizationError
from bert_calibration.mixed_precision import SearchError
from bert_calibration.plans import Granularity
from bert_calibration.quantize import Evidence, quantize
from bert_calibration.targets import choose
from bert_runtime import bundle as bundles
from bert_runtime.errors import InputError

ANY_SPEED = 0.0
"""A network of 16 channels is no faster in integers."""


def lost(value: float) -> Drop:
    """Of enough samples for any constraint."""
    return Drop("same best text", value, value, value, 10_000)


def best(results: Sequence[Any], reference: Sequence[Any]) -> Drop:
    """The share of questions with another best answer."""
    pairs = zip(results, reference, strict=True)
    return lost(sum(bool(one.answers[0].text != other.answers[0].text) for one, other in pairs) / len(reference))


def evidence(baseline: BaselineArtefact, number: int = 40, judge: Any = best) -> Evidence:
    return Evidence(requests_of(baseline, number), requests_of(baseline, 12, seed=1), judge)


def test_without_data_each_token_has_its_own_scale_and_the_report_says_so(
    baseline: GetBaseline, tmp_path: Path
) -> None:
    made = quantize(baseline("question-answering", "cpu"), QuantizationConfig(), None, tmp_path / "model.onnx")

    assert made.conversion.plan.name == "per-token"
    assert made.conversion.plan.is_batch_invariant
    assert made.ranges is None
    assert made.search is None
    assert made.notes[0].startswith("no calibration: scales are taken from each text")
    assert made.notes[1].startswith("no accuracy was measured")
    assert (tmp_path / "model.onnx").exists()


def test_dynamic_reports_that_it_is_not_batch_invariant(baseline: GetBaseline, tmp_path: Path) -> None:
    made = quantize(baseline("question-answering", "cpu"), QuantizationConfig("dynamic"), None, tmp_path / "model.onnx")

    assert made.to_json()["batch_invariant"] is False
    assert any(note.startswith("not batch invariant") for note in made.notes)


@pytest.mark.parametrize("method", ["minmax", "percentile", "entropy", "smooth"])
def test_each_method_makes_a_file(method: str, baseline: GetBaseline, tmp_path: Path) -> None:
    found = baseline("question-answering", "cpu")
    config = QuantizationConfig(method, "performance", max_drop=1.0, min_speed=ANY_SPEED)
    made = quantize(found, config, evidence(found), tmp_path / "model.onnx")

    assert made.ranges is not None
    assert made.to_json()["method"] == made.ranges.method == method
    assert found.artefact.precision == "fp32"
    assert found.quantised(tmp_path / "model.onnx").precision == "int8"


def test_the_report_is_plain_json(baseline: GetBaseline, tmp_path: Path) -> None:
    found = baseline("question-answering", "cpu")
    config = QuantizationConfig(max_drop=1.0, min_speed=ANY_SPEED)
    report = quantize(found, config, evidence(found), tmp_path / "model.onnx").to_json()

    assert json.loads(json.dumps(report)) == report
    assert report["calibrated_on"] == 40
    assert report["trials"][0]["speed"] > 0


def test_saved_ranges_give_the_same_bytes_without_data(baseline: GetBaseline, tmp_path: Path) -> None:
    found = baseline("question-answering", "cpu")
    config = QuantizationConfig(max_drop=1.0, min_speed=ANY_SPEED)
    first = quantize(found, config, evidence(found), tmp_path / "one.onnx")
    quantize(found, config, None, tmp_path / "other.onnx", first.ranges)  # as by a saved file

    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "other.onnx").read_bytes()


def test_a_budget_that_breaks_ranks_every_site_and_leaves_no_file(baseline: GetBaseline, tmp_path: Path) -> None:
    found = baseline("question-answering", "cpu")
    with pytest.raises(SearchError) as failed:
        quantize(
            found, QuantizationConfig(), evidence(found, judge=lambda _one, _other: lost(1.0)), tmp_path / "model.onnx"
        )

    assert len(failed.value.ranking) == 8
    assert all(each.divergence > 0 for each in failed.value.ranking)
    assert not (tmp_path / "model.onnx").exists()


def test_a_budget_is_met_by_making_the_worst_sites_more_precise(baseline: GetBaseline, tmp_path: Path) -> None:
    """The judge turns the first plan down, and accepts those after."""
    found, asked = baseline("question-answering", "cpu"), list[int]()

    def judge(results: Sequence[Any], reference: Sequence[Any]) -> Drop:
        asked.append(len(results))
        return lost(0.02 if len(asked) < 2 else 0.0)

    config = QuantizationConfig(preset="accuracy", min_speed=ANY_SPEED)
    made = quantize(found, config, evidence(found, judge=judge), tmp_path / "model.onnx")
    assert made.search is not None

    number = len(made.conversion.kept)
    assert 0 < number < 8
    assert made.conversion.plan.careful is Granularity.FLOAT
    ranked = sorted(made.search.ranking, key=lambda each: -each.divergence / each.weights)
    assert set(made.conversion.kept) == {each.point for each in ranked[:number]}
    assert len({each.weights for each in ranked}) == 3, "attention, its packed input, and both others"
    divergences = [trial.divergence for trial in made.search.trials]
    assert divergences[-1] < divergences[0]


def test_a_tiny_network_is_not_faster_in_integers_and_that_is_an_error(baseline: GetBaseline, tmp_path: Path) -> None:
    found = baseline("question-answering", "cpu")
    with pytest.raises(SearchError, match=r"not more than 50x as fast as fp32 on this machine"):
        quantize(found, QuantizationConfig(max_drop=1.0, min_speed=50.0), evidence(found), tmp_path / "model.onnx")


def test_a_decoder_is_refused_by_name(baseline: GetBaseline, tmp_path: Path) -> None:
    with pytest.raises(QuantizationError, match=r"text-generation has no int8: .* export it in fp32 or fp16"):
        quantize(baseline("text-generation", "cpu"), QuantizationConfig(), None, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("config", "target", "data", "message"),
    [
        (
            QuantizationConfig("best"),
            "cpu",
            True,
            "--method is 'best', expected one of auto, dynamic, per-token, minmax",
        ),
        (QuantizationConfig("smooth"), "cpu", False, "--method smooth takes ranges from data; give --calibrate FILE"),
        (QuantizationConfig(preset="slow"), "cpu", True, "--preset is 'slow', expected performance or accuracy"),
        (
            QuantizationConfig("dynamic", "performance"),
            "cpu",
            True,
            "--preset performance with --method dynamic, which has one plan; leave out one of them",
        ),
        (QuantizationConfig(max_drop=-0.1), "cpu", True, "--max-drop is -0.1, expected 0 to 1"),
        (QuantizationConfig(max_drop=float("nan")), "cpu", True, "--max-drop is nan, expected 0 to 1"),
        (
            QuantizationConfig(),
            "tensorrt",
            False,
            "the target tensorrt has no int8 preset 'per-token', expected one of performance, accuracy",
        ),
        (QuantizationConfig("dynamic"), "openvino", True, "the target openvino has no int8 preset 'dynamic'"),
        (QuantizationConfig(), "cuda", True, "the target cuda has no int8 preset 'accuracy', expected one of none"),
    ],
)
def test_a_config_that_cannot_be_served_is_refused(
    config: QuantizationConfig, target: str, data: bool, message: str
) -> None:
    with pytest.raises((CalibrationError, QuantizationError), match=message):
        choose(config, target, has_data=data)


@pytest.mark.parametrize(
    ("method", "preset"),
    [
        ("auto", "accuracy"),
        ("smooth", "accuracy"),
        ("minmax", "performance"),
        ("dynamic", "dynamic"),
        ("per-token", "per-token"),
    ],
)
def test_a_method_has_the_plan_that_it_is_about(method: str, preset: str) -> None:
    assert choose(QuantizationConfig(method), "cpu", has_data=True).name == preset


def test_all_problems_of_a_config_come_at_once() -> None:
    with pytest.raises(CalibrationError, match=r"--method is 'x'.*; --preset is 'y'.*; --max-drop is -1"):
        choose(QuantizationConfig("x", "y", -1), "cpu", has_data=True)


def test_no_calibration_request_is_an_error(baseline: GetBaseline, tmp_path: Path) -> None:
    found = baseline("question-answering", "cpu")
    with pytest.raises(CalibrationError, match=r"the calibration data holds no request, expected at least 32"):
        quantize(found, QuantizationConfig(), evidence(found, number=0), tmp_path / "model.onnx")


def test_few_requests_warn_and_enough_do_not(baseline: GetBaseline, tmp_path: Path) -> None:
    found, config = baseline("question-answering", "cpu"), QuantizationConfig(max_drop=1.0, min_speed=ANY_SPEED)
    with pytest.warns(UserWarning, match=r"calibrated on 5 requests, expected at least 32"):
        quantize(found, config, evidence(found, number=5), tmp_path / "model.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quantize(found, config, evidence(found, number=32), tmp_path / "model.onnx")


def test_a_record_of_another_task_is_refused_with_its_index(baseline: GetBaseline) -> None:
    with pytest.raises(InputError, match=r"request 1: .*unknown field 'text'"):
        baseline("question-answering", "cpu").requests([{"question": "a", "context": "b"}, {"text": "c"}])


def test_a_bundle_without_an_fp32_artefact_for_the_target_is_refused() -> None:
    bundle = bundles.read(GOLDEN / "question-answering")
    with pytest.raises(
        QuantizationError, match=r"has fp32 artefacts for cpu, portable, expected cuda; export it again"
    ):
        BaselineArtefact.of(bundle, "cuda")
    half = replace(bundle.manifest.artefacts[0], precision="fp16")
    with pytest.raises(QuantizationError, match=r"has fp32 artefacts for no target, expected cpu"):
        BaselineArtefact.of(replace(bundle, manifest=replace(bundle.manifest, artefacts=(half,))), "cpu")
