"""Batches of calibration data say which rows of an activation are padding."""

from __future__ import annotations

import numpy as np
import pytest
from tests.calibration.conftest import GetBaseline, requests_of

from bert_calibration.batches import Batch, batches_of, doubts, encode
from bert_calibration.errors import CalibrationError
from bert_runtime.schedule import BatchLimits
from bert_runtime.tasks.task import Features


def row(length: int, masks: int | None = None) -> Features:
    ids = np.arange(1, length + 1)
    positions = None if masks is None else np.arange(1, masks + 1)
    return Features(ids, np.zeros_like(ids), np.ones_like(ids), positions)


def one_batch(*rows: Features) -> Batch:
    (batch,) = batches_of(rows, 0, BatchLimits())
    return batch


def test_rows_of_tokens_are_kept_where_the_attention_mask_is_one() -> None:
    assert one_batch(row(2), row(4)).kept(8).tolist() == [True, True, False, False, True, True, True, True]


def test_rows_of_masked_positions_are_kept_where_a_mask_is() -> None:
    batch = one_batch(row(5, masks=1), row(5, masks=2))

    assert batch.kept(4).tolist() == [True, False, True, True]


def test_the_first_token_before_the_masked_positions_is_no_padding() -> None:
    batch = one_batch(row(5, masks=1), row(5, masks=2))

    assert batch.kept(6).tolist() == [True, True, False, True, True, True]


def test_an_activation_with_a_row_for_each_text_has_no_padding() -> None:
    assert one_batch(row(2), row(4), row(4)).kept(3).tolist() == [True, True, True]


def test_padding_between_choices_of_unequal_length_is_no_token(baseline: GetBaseline) -> None:
    choices = baseline("multiple-choice", "cpu")
    rows = choices.rows(requests_of(choices, 6))
    (batch,) = batches_of(rows, choices.text.pad_id, BatchLimits(max_padding=1))

    assert batch.tokens.ndim == 3
    assert batch.kept(batch.tokens.size).sum() == sum(int(each.mask.sum()) for each in rows)


def test_no_request_is_an_error_that_says_what_to_give(baseline: GetBaseline) -> None:
    with pytest.raises(CalibrationError, match=r"holds no request, expected at least 32; give the texts"):
        encode(baseline("question-answering", "cpu").task.head, [])  # type: ignore[arg-type]


def test_few_requests_and_one_length_are_doubted() -> None:
    found = doubts(3, [row(5), row(5), row(5)])

    assert len(found) == 2
    assert found[0].startswith("calibrated on 3 requests, expected at least 32")
    assert found[1].startswith("every calibration text has 5 tokens")


def test_enough_requests_of_several_lengths_are_not_doubted() -> None:
    assert doubts(32, [row(5), row(6)]) == []
