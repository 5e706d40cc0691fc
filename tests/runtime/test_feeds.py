"""An artefact whose kernels take key lengths for a mask is never given a mask that is none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert_runtime.bundle import read
from bert_runtime.feeds import feed_problems
from bert_runtime.manifest import Artefact

SHARED = json.loads((Path(__file__).parents[1] / "cases" / "attention_masks.json").read_bytes())


@pytest.fixture
def artefact(classification: Path) -> Artefact:
    return replace(read(classification).manifest.artefacts[0], target="cuda", mask="right_padded")


def problems(artefact: Artefact, mask: list[list[int]]) -> list[str]:
    array = np.array(mask, dtype=np.int64)
    arrays: dict[str, Any] = {spec.name: np.ones_like(array) for spec in artefact.inputs}
    return feed_problems({**arrays, "attention_mask": array}, artefact, 32)


@pytest.mark.parametrize("case", SHARED["cases"], ids=[str(case["mask"]) for case in SHARED["cases"]])
def test_a_mask_is_taken_or_refused_by_its_row(artefact: Artefact, case: dict[str, Any]) -> None:
    expected = [] if case["row"] is None else [SHARED["error"].format(row=case["row"])]
    assert problems(artefact, case["mask"]) == expected


def test_rows_of_choices_are_counted_on(classification: Path) -> None:
    found = read(classification.with_name("multiple-choice")).manifest.artefacts[0]
    mask = np.array([[[1, 1], [1, 0]], [[1, 1], [0, 1]]], dtype=np.int64)
    arrays: dict[str, Any] = {spec.name: np.ones_like(mask) for spec in found.inputs} | {"attention_mask": mask}
    (problem,) = feed_problems(arrays, replace(found, mask="right_padded"), 32)
    assert problem.startswith("attention_mask is not right padded in row 3,")


def test_an_artefact_for_any_mask_takes_any(artefact: Artefact) -> None:
    assert problems(replace(artefact, mask="any"), [[0, 1, 0, 1]]) == []
