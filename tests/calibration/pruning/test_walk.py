"""A pruned network is fitted sub-layer by sub-layer, each to what the pruned ones before it give."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import onnx_ir as ir
import pytest
from tests.calibration.conftest import GetBaseline, requests_of

from bert_calibration.baseline import BaselineArtefact
from bert_calibration.batches import Batch, batches_of
from bert_calibration.pruning.brain_surgeon import Moments, refit
from bert_calibration.pruning.importance import Answers, weights_of
from bert_calibration.pruning.sublayers import find_sublayers
from bert_calibration.pruning.walk import Curve, Widths, apply, curves, masks_for
from bert_calibration.pruning.widths import MULTIPLE, Kind
from bert_calibration.quality import measure_of

CASES = [("question-answering", "portable"), ("text-classification", "portable")]


def texts(baseline: BaselineArtefact) -> list[Batch]:
    return batches_of(baseline.rows(requests_of(baseline, 120)), baseline.text.pad_id)


def narrower(found: Sequence[Curve]) -> Widths:
    """One head and one multiple of neurons less in every layer."""
    return {
        each.key: each.sublayer.groups - (MULTIPLE if each.sublayer.kind is Kind.FEED_FORWARD else 1) for each in found
    }


def distance(baseline: BaselineArtefact, model: ir.Model, batches: Sequence[Batch]) -> float:
    """How far its outputs are from those of the whole network."""
    answers = Answers(
        batches, baseline.artefact.outputs, measure_of(baseline.task, baseline.record.settings).divergence
    )
    from bert_calibration.pruning import importance

    return importance._distance(
        answers, importance._outputs(model, answers), importance._outputs(baseline.graph(), answers)
    )


@pytest.mark.parametrize(("task", "target"), CASES)
def test_nothing_changes_where_nothing_is_removed(baseline: GetBaseline, task: str, target: str) -> None:
    found = baseline(task, target)
    model, batches = found.graph(), texts(found)
    known = curves(model, batches)
    assert masks_for(model, batches, known, {each.key: each.sublayer.groups for each in known}) == {}


@pytest.mark.parametrize(("task", "target"), CASES)
def test_masks_have_rows_of_zeros_for_what_is_removed(baseline: GetBaseline, task: str, target: str) -> None:
    found = baseline(task, target)
    model, batches = found.graph(), texts(found)
    known = curves(model, batches)
    widths = narrower(known)
    apply(model, masks_for(model, batches, known, widths))
    for sublayer in find_sublayers(model):
        assert (~sublayer.dead).sum() == widths[sublayer.layer, sublayer.kind]


@pytest.mark.parametrize(("task", "target"), CASES)
def test_fitting_to_the_pruned_network_answers_nearer_than_leaving_out(
    baseline: GetBaseline, task: str, target: str
) -> None:
    found = baseline(task, target)
    batches = texts(found)
    known = curves(found.graph(), batches)
    masks = masks_for(found.graph(), batches, known, narrower(known))
    fitted, cut = found.graph(), found.graph()
    apply(fitted, masks)
    for name, array in masks.items():  # the same structures, with the weights as they were
        if array.ndim == 2:
            own = cut.graph.initializers[name]
            assert own.const_value is not None
            kept = own.const_value.numpy() * (array != 0).any(axis=1, keepdims=True)
            own.const_value = ir.tensor(kept.astype(np.float32), name=name)
    assert distance(found, fitted, batches) < distance(found, cut, batches)


def test_what_earlier_sub_layers_lost_is_fitted_too(baseline: GetBaseline, monkeypatch: pytest.MonkeyPatch) -> None:
    found = baseline("text-classification", "portable")
    batches = texts(found)
    known = curves(found.graph(), batches)
    widths = narrower(known)
    compensated, alone = found.graph(), found.graph()
    apply(compensated, masks_for(found.graph(), batches, known, widths))

    def without(moments: Moments, *rest: object) -> object:
        lost = dataclasses.replace(moments, cross=moments.cross * 0, shift=moments.shift * 0)
        return refit(lost, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("bert_calibration.pruning.walk.refit", without)
    apply(alone, masks_for(found.graph(), batches, known, widths))
    assert distance(found, compensated, batches) < distance(found, alone, batches)


def test_a_sub_layer_that_answers_hang_on_weighs_more(baseline: GetBaseline) -> None:
    found = baseline("text-classification", "portable")
    model, batches = found.graph(), texts(found)
    known = curves(model, batches)
    answers = Answers(batches, found.artefact.outputs, measure_of(found.task, found.record.settings).divergence)
    weights = weights_of(model, known, answers)
    assert set(weights) == {each.key for each in known}
    assert min(weights.values()) > 0


def test_the_work_of_a_last_layer_that_reads_few_rows_is_less(baseline: GetBaseline) -> None:
    found = baseline("text-classification", "portable")
    known = curves(found.graph(), texts(found))
    first, last = ([each for each in known if each.sublayer.layer == layer] for layer in (0, known[-1].sublayer.layer))
    assert [each.work for each in first] == [1.0, 1.0]
    assert last[0].work == pytest.approx((1 + last[1].work) / 2), "keys and values are those of all tokens"
    assert last[1].work < 0.5, "one token of each text"
