"""Which plans are made, and which are made once more: the gates' words are fixed here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from bert_export.errors import GateError
from bert_export.progress import Stages
from bert_export.report import ArtefactReport
from bert_export.tuning.candidate import Candidate, CandidatePlan, CandidateSource
from bert_export.tuning.evaluation import CandidateBuilder, DropError, Evaluator
from bert_runtime.manifest import Contents
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tokenizer_record import TokenizerRecord

NOTHING = Contents(
    task="text-classification",
    settings=HeadSettings(),
    sizes={},
    tokenizer=TokenizerRecord("t", 8, 0, 1),
    artefacts=(),
    provenance={},
    verification={},
)
FP32, PERFORMANCE, ACCURACY = (
    CandidatePlan("cpu", "fp32"),
    CandidatePlan("cpu", "int8", "performance"),
    CandidatePlan("cpu", "int8", "accuracy"),
)
BF16 = CandidatePlan("openvino", "bf16")
ALL = (FP32, PERFORMANCE, ACCURACY)
MOST = 0.01


class Paper:
    """An source and a judge that only say what they were report to."""

    def __init__(
        self, drops: Mapping[CandidatePlan, float], refused: Mapping[CandidatePlan, str] | None = None
    ) -> None:
        self.drops, self.refused = drops, refused or {}
        self.searched: list[CandidatePlan] = []

    def missing(self, plan: CandidatePlan) -> str:
        return "it is not here" if plan == BF16 else ""

    def make(self, plan: CandidatePlan) -> Candidate:
        if plan in self.refused:
            raise GateError(self.refused[plan])
        return Candidate(plan, Path(), NOTHING, {}, ArtefactReport({}, None))

    def quantised(self, plan: CandidatePlan, base: Candidate, mixtures: bool) -> Candidate:
        made = self.make(plan)
        if mixtures:
            self.searched.append(plan)
        elif self.drops[plan] > MOST:
            raise DropError(self.drops[plan], MOST)
        return made

    def made(self, *plans: CandidatePlan) -> tuple[list[str], dict[str, str]]:
        making = CandidateBuilder(cast(CandidateSource, self), cast(Evaluator, self), Stages())
        candidates, lines = making.all(plans)
        return [candidate.plan.name for candidate in candidates], {line.name: line.reason for line in lines}


def test_a_plan_that_holds_spares_the_search_for_mixtures() -> None:
    paper = Paper({PERFORMANCE: 0.05, ACCURACY: 0.0})
    assert paper.made(*ALL) == (
        ["cpu fp32", "cpu int8 accuracy"],
        {"cpu int8 performance": "the drop is 0.0500, expected 0.01 at most; allow more with --max-drop"},
    )
    assert paper.searched == []


def test_where_all_plans_lose_too_much_the_one_that_loses_least_is_searched() -> None:
    paper = Paper({PERFORMANCE: 0.02, ACCURACY: 0.03})
    names, reasons = paper.made(*ALL)
    assert paper.searched == [PERFORMANCE]
    assert names == ["cpu fp32", "cpu int8 performance"]
    assert set(reasons) == {"cpu int8 accuracy"}


def test_a_plan_that_is_no_faster_is_not_searched() -> None:
    paper = Paper({PERFORMANCE: 0.0, ACCURACY: 0.02}, refused={PERFORMANCE: "it is not more than 1x as fast"})
    assert paper.made(*ALL)[1]["cpu int8 performance"] == "it is not more than 1x as fast"
    assert paper.searched == []


def test_without_its_fp32_graph_a_target_has_no_int8() -> None:
    paper = Paper({PERFORMANCE: 0.0, ACCURACY: 0.0}, refused={FP32: "another answer"})
    with pytest.raises(
        GateError, match="cpu fp32: another answer; cpu int8 performance: it is made of its target's fp32 graph"
    ):
        paper.made(*ALL)


def test_what_the_origin_lacks_is_told_and_not_made() -> None:
    names, reasons = Paper({PERFORMANCE: 0.0, ACCURACY: 0.0}).made(*ALL, BF16)
    assert names == ["cpu fp32", "cpu int8 performance", "cpu int8 accuracy"]
    assert reasons == {"openvino bf16": "it is not here"}
