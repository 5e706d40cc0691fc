"""The sweep covers every batch, length, mask and number of choices that it promises, the same each time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bert_export.verify.sweep import CONTRACTS, MASKS, Case, Limits, cases
from bert_runtime.backends.by_mask import first_not_right_padded
from bert_runtime.tasks import TASKS, find_task

LIMITS = Limits(vocabulary=50, types=2, max_length=200)
LENGTHS = (2, 7, 33, 128, 200)


def sweep(task: str, limits: Limits = LIMITS, plain: bool = False) -> list[Case]:
    return list(cases(find_task(task), limits, plain))


def kind(mask: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> str:
    """What a row's mask is, told from its zeros."""
    hidden = np.flatnonzero(mask == 0)
    if not len(hidden):
        return "none"
    if hidden[-1] - hidden[0] + 1 == len(hidden) and 0 in hidden:
        return "left"
    if hidden[-1] - hidden[0] + 1 == len(hidden) and len(mask) - 1 in hidden:
        return "right"
    return "holes"


def test_each_length_is_asked_with_each_mask_alone_and_with_all_in_one_batch() -> None:
    found = [case.feeds["attention_mask"] for case in sweep("question-answering") if "33" in case.name]

    assert [[kind(row) for row in mask] for mask in found] == [["none"], ["right"], ["left"], ["holes"], list(MASKS)]


@pytest.mark.parametrize("task", [task.name for task in TASKS if not task.is_autoregressive])
def test_of_right_padded_masks_all_are_and_rows_of_one_batch_differ(task: str) -> None:
    for case in cases(find_task(task), LIMITS, False, CONTRACTS["right_padded"]):
        mask = case.feeds["attention_mask"]
        assert first_not_right_padded(mask) is None
        lengths = mask.reshape(-1, mask.shape[-1]).sum(axis=1)
        assert len(mask) == 1 or {1, mask.shape[-1]} <= set(lengths)
        assert mask.shape[-1] < 33 or len(mask) == 1 or len(set(lengths)) > 3


@pytest.mark.parametrize("task", [task.name for task in TASKS if not task.choices])
def test_batches_and_lengths_are_those_promised(task: str) -> None:
    shapes = {case.feeds["input_ids"].shape for case in sweep(task)}

    assert shapes == set(itertools.product((1, 4), LENGTHS))


def test_choices_are_one_two_and_five() -> None:
    shapes = {case.feeds["input_ids"].shape for case in sweep("multiple-choice")}

    assert shapes == {
        *itertools.product((1, 4), (1, 2, 5), (2, 7, 33)),
        *itertools.product((1, 4), (2,), (128, 200)),
    }


@pytest.mark.parametrize("task", [task.name for task in TASKS])
@pytest.mark.parametrize("plain", [False, True])
def test_inputs_are_those_of_the_graph(task: str, plain: bool) -> None:
    for case in sweep(task, plain=plain):
        # A cache is no part of a case: a sequence is read at once, and piece by piece with the cache that this makes.
        assert list(case.feeds) == [spec.name for spec in find_task(task).inputs(plain) if not spec.is_per_layer]
        assert {array.dtype for array in case.feeds.values()} == {np.dtype(np.int64)}
        if "token_type_ids" in case.feeds:
            assert case.feeds["token_type_ids"].shape == case.feeds["input_ids"].shape
        assert set(np.unique(case.feeds["attention_mask"])) <= {0, 1}


@pytest.mark.parametrize("task", [task.name for task in TASKS])
def test_every_row_keeps_a_token(task: str) -> None:
    for case in sweep(task):
        assert case.feeds["attention_mask"].any(axis=-1).all(), case.name


def test_ids_and_types_reach_their_limits_and_stay_within() -> None:
    ids = np.concatenate([case.feeds["input_ids"].ravel() for case in sweep("question-answering")])
    types = np.concatenate([case.feeds["token_type_ids"].ravel() for case in sweep("question-answering")])
    alone = [case.feeds["token_type_ids"] for case in sweep("question-answering", Limits(50, 1, 200))]

    assert (ids.min(), ids.max()) == (0, 49)
    assert set(np.unique(types)) == {0, 1}
    assert all(not array.any() for array in alone)


@pytest.mark.parametrize("task", ["fill-mask", "pretraining"])
def test_positions_are_of_tokens_that_the_mask_keeps(task: str) -> None:
    counts = set()
    for case in sweep(task):
        positions, mask = case.feeds["positions"], case.feeds["attention_mask"]
        counts.add(positions.shape[1])
        assert np.take_along_axis(mask, positions, axis=1).all(), case.name
    assert counts == {1, 2, 3}


def test_positions_are_neither_the_same_nor_sorted_in_every_row() -> None:
    rows = [row for case in sweep("fill-mask") for row in case.feeds["positions"] if len(row) == 3]

    assert any(list(row) != sorted(row) for row in rows)
    assert len({tuple(row) for row in rows}) > len(rows) // 2


def test_a_short_model_is_asked_up_to_its_own_length() -> None:
    lengths = [case.feeds["input_ids"].shape[1] for case in sweep("question-answering", Limits(50, 2, 12))]

    assert sorted(set(lengths)) == [2, 7, 12]


@pytest.mark.parametrize("task", ["fill-mask", "multiple-choice"])
def test_the_sweep_is_the_same_every_time(task: str) -> None:
    for one, other in zip(sweep(task), sweep(task), strict=True):
        assert one.name == other.name
        assert all(np.array_equal(one.feeds[name], other.feeds[name]) for name in one.feeds)


def test_every_case_has_a_name_of_its_own() -> None:
    for task in TASKS:
        names = [case.name for case in sweep(task.name)]
        assert len(set(names)) == len(names)
