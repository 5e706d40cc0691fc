"""Batches hold every row once and within the limits; outputs come back cut to their own row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bert_runtime.errors import InputError
from bert_runtime.schedule import BatchLimits, collate, plan, split, width
from bert_runtime.tasks.task import Features
from bert_runtime.tasks.tensors import TensorSpec

PAD = 9
SEQUENCE = TensorSpec("tokens", "float32", ("batch", "sequence"))
CHOICES = TensorSpec("grid", "float32", ("batch", "choices", "sequence"))
MASKS = TensorSpec("masked", "float32", ("batch", "masks", "vocabulary"))
LABELS = TensorSpec("logits", "float32", ("batch", "labels"))


def row(*shape: int, masks: int | None = None, first: int = 100) -> Features:
    """Ids from `first` on, so that every row and place can be told apart."""
    ids = np.arange(first, first + int(np.prod(shape)), dtype=np.int64).reshape(shape)
    positions = None if masks is None else np.arange(masks, dtype=np.int64)
    return Features(ids, np.ones_like(ids), np.ones_like(ids), positions)


sizes = st.lists(st.tuples(st.sampled_from([(), (2,), (4,)]), st.integers(1, 40)), max_size=60)
budgets = st.builds(
    BatchLimits,
    max_batch_tokens=st.integers(1, 300),
    max_batch_size=st.integers(1, 20),
    pad_to_multiple_of=st.sampled_from([None, 1, 8]),
)


@given(sizes, budgets)
def test_every_row_is_in_exactly_one_batch(shapes: list[tuple[tuple[int, ...], int]], limits: BatchLimits) -> None:
    rows = [row(*choices, length) for choices, length in shapes]
    assert sorted(i for batch in plan(rows, limits) for i in batch) == list(range(len(rows)))


@given(sizes, budgets)
def test_a_batch_of_several_rows_keeps_the_budget_with_its_padding(
    shapes: list[tuple[tuple[int, ...], int]], limits: BatchLimits
) -> None:
    rows = [row(*choices, length) for choices, length in shapes]
    for batch in plan(rows, limits):
        longest = max(rows[i].ids.shape[-1] for i in batch)
        padded = collate([rows[i] for i in batch], PAD, width(longest, limits))["input_ids"]
        assert len(batch) <= limits.max_batch_size
        assert len(batch) == 1 or padded.size <= limits.max_batch_tokens


@given(sizes, budgets)
def test_rows_of_a_batch_have_the_same_number_of_choices(
    shapes: list[tuple[tuple[int, ...], int]], limits: BatchLimits
) -> None:
    rows = [row(*choices, length) for choices, length in shapes]
    assert all(len({rows[i].ids.shape[:-1] for i in batch}) == 1 for batch in plan(rows, limits))


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5)), min_size=1, max_size=20))
def test_outputs_come_back_without_what_padding_added(shapes: list[tuple[int, int]]) -> None:
    rows = [row(length, masks=masks, first=100 * i) for i, (length, masks) in enumerate(shapes)]
    feeds = collate(rows, PAD)
    vocabulary = np.repeat(feeds["positions"][..., None], 3, axis=2)
    outputs = {"tokens": feeds["input_ids"].astype(np.float32), "masked": vocabulary.astype(np.float32)}
    for own, one in zip(split(outputs, rows, [SEQUENCE, MASKS]), rows, strict=True):
        assert one.positions is not None
        np.testing.assert_array_equal(own["tokens"], one.ids)
        np.testing.assert_array_equal(own["masked"], np.repeat(one.positions[:, None], 3, axis=1))


def test_choices_come_back_cut_in_their_sequence_only() -> None:
    rows = [row(2, 3), row(2, 5, first=200)]
    outputs = {"grid": collate(rows, PAD)["input_ids"].astype(np.float32)}
    for own, one in zip(split(outputs, rows, [CHOICES]), rows, strict=True):
        np.testing.assert_array_equal(own["grid"], one.ids)


def test_an_axis_of_the_checkpoint_is_not_cut() -> None:
    outputs = {"logits": np.arange(14, dtype=np.float32).reshape(2, 7)}
    assert [own["logits"].tolist() for own in split(outputs, [row(3), row(4)], [LABELS])] == outputs["logits"].tolist()


def test_an_output_that_was_not_fetched_is_left_out() -> None:
    assert split({"tokens": np.ones((1, 3), dtype=np.float32)}, [row(3)], [SEQUENCE, LABELS])[0].keys() == {"tokens"}


def test_padding_has_the_pad_id_and_a_mask_of_zero() -> None:
    feeds = collate([row(2), row(4)], PAD)
    assert feeds["input_ids"].tolist() == [[100, 101, PAD, PAD], [100, 101, 102, 103]]
    assert feeds["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert feeds["token_type_ids"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert "positions" not in feeds


def test_padded_positions_point_into_the_row() -> None:
    feeds = collate([row(2, masks=0), row(4, masks=3)], PAD)
    assert feeds["positions"].tolist() == [[0, 0, 0], [0, 1, 2]]


def test_batches_by_length_pad_less_than_batches_in_input_order() -> None:
    rows = [row(length) for length in (3, 40, 4, 38, 2, 41, 5, 39)]
    by_length = sum(
        collate([rows[i] for i in batch], PAD)["input_ids"].size for batch in plan(rows, BatchLimits(200, 4))
    )
    in_order = sum(collate(rows[i : i + 4], PAD)["input_ids"].size for i in (0, 4))
    tokens = sum(one.ids.size for one in rows)
    assert by_length - tokens < (in_order - tokens) / 4


def test_the_longest_rows_are_first() -> None:
    rows = [row(length) for length in (3, 300, 40, 300, 7, 160)]
    assert plan(rows, BatchLimits()) == [[1, 3], [5], [2], [0, 4]]


def test_real_lengths_are_padded_by_less_than_a_twentieth() -> None:
    lengths = np.random.default_rng(1).gamma(2.0, 40.0, size=1024).astype(int) + 3  # as those of sentences and contexts
    rows = [row(int(length)) for length in lengths]
    batches = plan(rows, BatchLimits())
    padded = sum(collate([rows[i] for i in batch], PAD)["input_ids"].size for batch in batches)
    assert sorted(i for batch in batches for i in batch) == list(range(len(rows)))
    assert padded < 1.05 * lengths.sum()
    assert len(batches) < len(rows) / 8  # not by running each alone


def test_a_row_that_would_be_mostly_waited_for_runs_apart() -> None:
    assert plan([row(100), row(384), row(384)], BatchLimits()) == [[1, 2], [0]]
    assert plan([row(4), row(9), row(12)], BatchLimits()) == [[0, 1, 2]]  # a few tokens are not worth a run
    assert plan([row(100), row(384), row(384)], BatchLimits(max_padding=0.5)) == [[0, 1, 2]]


def test_an_engine_that_prepares_for_each_shape_meets_few() -> None:
    lengths = np.random.default_rng(1).gamma(2.0, 40.0, size=4096).astype(int) + 3
    met: dict[int | None, set[tuple[int, int]]] = {None: set(), 16: set()}
    for multiple, shapes in met.items():
        limits = BatchLimits(pad_to_multiple_of=multiple)
        for first in range(0, len(lengths), 1024):
            rows = [row(int(length)) for length in lengths[first : first + 1024]]
            for batch in plan(rows, limits):
                shapes.add((len(batch), width(max(rows[i].ids.size for i in batch), limits)))
    round_numbers = {digits << power for power in range(10) for digits in (4, 5, 6, 7)} | {1, 2, 3}
    assert {columns for _, columns in met[16]} <= {columns for columns in round_numbers if columns % 16 == 0}
    assert {count * columns for count, columns in met[16]} <= round_numbers
    assert len(met[16]) < len(met[None]) / 2
    assert len({count * columns for count, columns in met[16]}) < 25


@given(sizes)
def test_several_rows_have_a_round_number_of_tokens_together(shapes: list[tuple[tuple[int, ...], int]]) -> None:
    rows, limits = (
        [row(*choices, length) for choices, length in shapes],
        BatchLimits(max_batch_size=20, pad_to_multiple_of=8, max_padding=1.0),
    )
    for batch in plan(rows, limits):
        padded = collate([rows[i] for i in batch], PAD, width(max(rows[i].ids.shape[-1] for i in batch), limits))
        tokens = padded["input_ids"].size
        assert len(batch) == 1 or len(f"{tokens:b}".rstrip("0")) <= 3


def test_rows_that_are_left_for_the_next_batch_do_not_widen_this_one() -> None:
    rows = [*(row(24) for _ in range(10)), row(32)]
    assert [len(batch) for batch in plan(rows, BatchLimits(pad_to_multiple_of=8, max_padding=1.0))] == [
        3,
        8,
    ]  # 10 of 24 are not round


def test_a_width_is_rounded_up_by_no_more_than_a_quarter_beyond_the_multiple() -> None:
    limits = BatchLimits(pad_to_multiple_of=8)
    assert [width(length, limits) for length in (1, 8, 9, 64, 65, 129, 257, 512)] == [8, 8, 16, 64, 80, 160, 320, 512]
    assert all(length <= width(length, limits) <= max(length + 7, 1.25 * length) for length in range(1, 600))
    assert [width(length, BatchLimits(pad_to_multiple_of=20)) for length in (1, 21, 200, 201)] == [20, 40, 200, 240]


def test_without_a_multiple_batches_are_as_full_as_the_budget_lets_them_be() -> None:
    rows = [row(10) for _ in range(21)]
    for multiple in (None, 1):
        assert [len(batch) for batch in plan(rows, BatchLimits(pad_to_multiple_of=multiple))] == [21]
    assert [len(batch) for batch in plan(rows, BatchLimits(pad_to_multiple_of=2))] == [1, 4, 16]


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5)), min_size=1, max_size=20), st.integers(0, 40))
def test_a_width_beyond_the_longest_row_is_cut_off_again(shapes: list[tuple[int, int]], least: int) -> None:
    rows = [row(length, masks=masks, first=100 * i) for i, (length, masks) in enumerate(shapes)]
    feeds = collate(rows, PAD, least)
    assert feeds["input_ids"].shape[1] == max(least, *(one.ids.size for one in rows))
    outputs = {"tokens": feeds["input_ids"].astype(np.float32)}
    for own, one in zip(split(outputs, rows, [SEQUENCE]), rows, strict=True):
        np.testing.assert_array_equal(own["tokens"], one.ids)


def test_a_multiple_of_zero_is_refused() -> None:
    with pytest.raises(InputError, match="pad_to_multiple_of is 0, expected at least 1"):
        BatchLimits(pad_to_multiple_of=0)


def test_limits_below_one_names_every_wrong_number() -> None:
    with pytest.raises(
        InputError, match=r"max_batch_tokens is 0, expected at least 1; max_batch_size is -1, expected at least 1"
    ):
        BatchLimits(max_batch_tokens=0, max_batch_size=-1)
