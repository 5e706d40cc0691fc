"""The time by width: a line through what was timed, or arithmetic where nothing can be timed."""

from __future__ import annotations

import onnx_ir as ir
import pytest
from tests.calibration.conftest import GetBaseline

from bert_calibration.pruning.budget import Budget
from bert_calibration.pruning.latency import by_arithmetic, products_of, rate_of, timed
from bert_calibration.pruning.sublayers import find_sublayers
from bert_calibration.pruning.walk import Curve
from bert_calibration.pruning.widths import Kind


def test_a_line_is_found_again_and_noise_does_not_lift_a_narrower_network() -> None:
    assert rate_of({1.0: 1.0, 0.5: 0.8, 0.0: 0.6}) == pytest.approx(0.4)
    assert rate_of({1.0: 1.0, 0.75: 1.05, 0.5: 0.78, 0.25: 0.7, 0.0: 0.61}) == pytest.approx(0.385, abs=0.02)
    assert rate_of({1.0: 1.0, 0.5: 1.2}) == 0.0


def test_networks_of_every_width_are_timed(baseline: GetBaseline) -> None:
    found = baseline("question-answering", "portable")
    whole = sum(products_of(each, 16) for each in find_sublayers(found.graph()))
    seen: list[float] = []

    def ratio(graph: ir.Model) -> float:
        seen.append(sum(products_of(each, 16) for each in find_sublayers(graph)) / whole)
        return seen[-1]

    table = timed(found.graph, ratio, "products")
    assert all(share < 1 for share in seen)
    for kind in Kind:
        assert table.saved(kind, 1.0) == 0
        assert table.saved(kind, 0.5) > 0


def test_arithmetic_divides_the_time_by_products(baseline: GetBaseline) -> None:
    sublayers = find_sublayers(baseline("question-answering", "portable").graph())
    table = by_arithmetic(sublayers, tokens=32)
    assert table.saved(Kind.ATTENTION, 0.0) + table.saved(Kind.FEED_FORWARD, 0.0) == pytest.approx(1)
    assert table.saved(Kind.FEED_FORWARD, 0.5) == pytest.approx(table.saved(Kind.FEED_FORWARD, 0.0) / 2)


def test_attention_over_longer_texts_has_more_products(baseline: GetBaseline) -> None:
    attention = next(
        each
        for each in find_sublayers(baseline("question-answering", "portable").graph())
        if each.kind is Kind.ATTENTION
    )
    assert products_of(attention, 128) > products_of(attention, 16)


def test_a_budget_without_curves_has_all_time_fixed(baseline: GetBaseline) -> None:
    table = by_arithmetic(find_sublayers(baseline("question-answering", "portable").graph()), 16)
    curves: list[Curve] = []
    assert Budget(curves, table, {}).fixed == 1.0
