from __future__ import annotations

import numpy as np
import pytest
from benchmarks.workload import MASK_ID, Case, Model


def test_a_model_is_found_by_its_name() -> None:
    for task in ("question-answering", "fill-mask"):
        model = Model(task, "minilm-l6")
        assert Model.parse(model.name) == model


def test_an_unknown_size_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="tiny, minilm-l6, bert-base"):
        Model.parse("fill-mask-huge")


def test_feeds_have_no_padding_and_one_mask_where_positions_say() -> None:
    feeds = Case(3, 16).feeds()
    assert feeds["attention_mask"].all()
    assert feeds["input_ids"].shape == (3, 16)
    rows, columns = np.nonzero(feeds["input_ids"] == MASK_ID)
    assert rows.tolist() == [0, 1, 2]
    assert columns.tolist() == feeds["positions"][:, 0].tolist()


def test_two_processes_are_given_the_same_feeds() -> None:
    first, second = Case(2, 8).feeds(), Case(2, 8).feeds()
    assert all(np.array_equal(first[name], second[name]) for name in first)
