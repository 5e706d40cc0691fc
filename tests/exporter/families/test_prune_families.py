"""Every family is pruned on every target, and the parity gate compares with its own class that has the same weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.exporter.families.checkpoints import FamilyCheckpoint

import bert_runtime
from bert_calibration.pruning import trying
from bert_export import ExportOptions, export
from bert_export.families import FAMILIES
from bert_runtime import bundle as bundles

TASK, TARGETS = "text-classification", ("cpu", "openvino", "portable", "tensorrt")
TEXTS = [f"the {noun} of the wall is {i} long" for i in range(40) for noun in ("song", "book")]
FAST = {"distilbert", "roberta", "mpnet"}
PRUNED = [pytest.param(family.name, marks=() if family.name in FAST else pytest.mark.slow) for family in FAMILIES[1:]]


@pytest.mark.parametrize("name", PRUNED)
def test_a_family_is_pruned_and_answers_as_its_class_with_the_same_weights(
    name: str, family_checkpoint: FamilyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def speed(timer: trying.Timer, artefact: Any) -> float:  # how fast a network of width 32 is says nothing
        sizes = [(timer.pruner.folder / file).stat().st_size for file in ("whole.onnx", artefact.file)]
        return sizes[0] / sizes[1]

    monkeypatch.setattr(trying.Timer, "speed", speed)
    (family,) = (each for each in FAMILIES if each.name == name)
    samples = tmp_path / "samples.jsonl"
    samples.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    model = str(family_checkpoint(family, TASK))
    report = export(
        ExportOptions(
            model=model, task=TASK, targets=TARGETS, prune=True, speedup=1.05, calibrate=samples, max_drop=0.9,
            output=tmp_path / "made",
        )
    )  # fmt: skip
    layers = bundles.read(report.bundle).manifest.provenance["pruning"]["layers"]
    assert any(each["neurons"] < each["of_neurons"] or each["heads"] < each["of_heads"] for each in layers)
    for artefact in report.artefacts:
        assert artefact.parity is not None
        assert artefact.parity.checks[0].same_answers == artefact.parity.checks[0].cases
    scores = []
    for target in TARGETS[:3]:
        with bert_runtime.load(report.bundle, options=bert_runtime.Options(target)) as session:
            scores.append([answer.labels[0].score for answer in session.predict({"text": text} for text in TEXTS[:8])])
    assert scores[1] == pytest.approx(scores[0], abs=1e-4)
    assert scores[2] == pytest.approx(scores[0], abs=1e-4)
