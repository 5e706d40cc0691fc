"""Batches hold the padding they say, and the floor is the arithmetic of the encoder."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.gpu.shapes import Ceilings, Shape, shapes, some_rows
from benchmarks.workload import MASK_ID, SIZES

BASE = SIZES["bert-base"]


@pytest.mark.parametrize("fill", [0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("batch", [1, 8, 128])
def test_a_batch_is_filled_to_its_share_and_padded_on_the_right(batch: int, fill: float) -> None:
    feeds = Shape(batch, 384, fill).feeds()
    mask = feeds["attention_mask"]
    assert mask.mean() == pytest.approx(fill, abs=0.005)
    assert (np.diff(mask, axis=1) <= 0).all()
    assert (feeds["input_ids"][mask == 0] == 0).all()
    assert (feeds["input_ids"][mask == 1] > 0).all()
    assert (np.take_along_axis(feeds["input_ids"], feeds["positions"], axis=1) == MASK_ID).all()


def test_rows_of_a_batch_differ_in_length_where_there_is_padding() -> None:
    assert len(set(Shape(8, 128, 0.5).lengths.tolist())) == 8
    assert set(Shape(8, 128, 1.0).lengths.tolist()) == {128}


def test_the_largest_shapes_come_last() -> None:
    tokens = [shape.batch * shape.sequence for shape in shapes((128, 1, 8), (384, 128), (1.0, 0.3))]
    assert tokens == sorted(tokens)
    assert len(tokens) == 12


def test_some_rows_reach_from_the_first_to_the_last() -> None:
    rows, feeds = some_rows(Shape(128, 16, 0.5).feeds())
    assert rows[0] == 0
    assert rows[-1] == 127
    assert all(len(array) == len(rows) for array in feeds.values())
    assert some_rows(Shape(1, 16, 0.5).feeds())[0] == [0]


def test_one_row_is_bound_by_reading_the_weights_and_many_by_their_products() -> None:
    ceilings = Ceilings("fp16", flops=800e12, bandwidth=2e12)
    weights = 12 * (4 * 768**2 + 2 * 768 * 3072)  # the 85 million of BERT-base's encoder
    assert ceilings.floor(Shape(1, 128, 1.0), BASE) == pytest.approx(weights * 2 / 2e12 * 1e3)
    operations = 128 * (2 * weights * 384 + 4 * 12 * 768 * 384**2)
    assert ceilings.floor(Shape(128, 384, 1.0), BASE) == pytest.approx(operations / 800e12 * 1e3)


def test_padding_counts_for_nothing_in_the_floor() -> None:
    ceilings = Ceilings("fp16", flops=800e12, bandwidth=2e12)
    half, full = (ceilings.floor(Shape(128, 384, fill), BASE) for fill in (0.5, 1.0))
    assert half < 0.51 * full
