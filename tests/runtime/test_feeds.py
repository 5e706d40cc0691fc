"""An artefact whose kernels take key lengths for a mask is never given a mask that is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert_runtime.bundle import read
from bert_runtime.feeds import feed_problems
from bert_runtime.manifest import Artefact


@pytest.fixture
def artefact(classification: Path) -> Artefact:
    return replace(read(classification).manifest.artefacts[0], target="cuda", mask="right_padded")


def problems(artefact: Artefact, mask: list[list[int]]) -> list[str]:
    array = np.array(mask, dtype=np.int64)
    arrays: dict[str, Any] = {spec.name: np.ones_like(array) for spec in artefact.inputs}
    return feed_problems({**arrays, "attention_mask": array}, artefact, 32)


@pytest.mark.parametrize("row", [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
def test_ones_then_zeros_are_taken(artefact: Artefact, row: list[int]) -> None:
    assert problems(artefact, [[1, 1, 1, 1], row]) == []


@pytest.mark.parametrize("row", [[0, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 1], [2, 1, 1, 0], [1, 1, -1, -1]])
def test_any_other_mask_is_refused_by_its_row(artefact: Artefact, row: list[int]) -> None:
    (problem,) = problems(artefact, [[1, 1, 1, 1], row])
    assert problem.startswith(
        "attention_mask is not right padded in row 1, expected ones, then zeros: the cuda artefact"
    )


def test_an_artefact_for_any_mask_takes_any(artefact: Artefact) -> None:
    assert problems(replace(artefact, mask="any"), [[0, 1, 0, 1]]) == []
