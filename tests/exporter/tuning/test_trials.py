"""Who is timed with whom: the clock's numbers are fixed here, the order of the race is what is tested."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bert_export.report import ArtefactReport
from bert_export.tuning import trials as trials_of
from bert_export.tuning.candidate import Candidate, CandidatePlan
from bert_export.tuning.trials import Workload, run_final, run_trials
from bert_export.tuning.workload import Requests
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
SECONDS = {
    ("cpu fp32", 4): 1.0,
    ("cpu fp32", 2): 1.5,
    ("openvino bf16", 4): 0.5,
    ("openvino bf16", 2): 0.4,
    ("openvino bf16", 1): 0.8,
}


def candidate(target: str, precision: str) -> Candidate:
    return Candidate(CandidatePlan(target, precision), Path(), NOTHING, {}, ArtefactReport({}, None))


class PaperTrack(Workload):
    """A workload whose sessions are names: nothing runs."""

    loaded: ClassVar[list[tuple[str, int]]] = []
    most: ClassVar[int] = 0

    def opened(self, candidate: Candidate, threads: int) -> Any:
        return self._named(candidate, threads)

    @contextlib.contextmanager
    def _named(self, candidate: Candidate, threads: int) -> Iterator[tuple[str, int]]:
        self.loaded.append((candidate.plan.name, threads))
        PaperTrack.most = max(self.most, len(self.loaded))
        yield candidate.plan.name, threads
        self.loaded.remove((candidate.plan.name, threads))

    def batch(self, session: Any) -> Any:
        return [None] * 4

    def work(self, session: Any, batch: Any) -> Any:
        return session


@pytest.fixture
def workload(monkeypatch: pytest.MonkeyPatch) -> PaperTrack:
    def rounds(works: Mapping[str, Any], _: float) -> dict[str, list[float]]:
        return {name: [SECONDS[work]] * 5 for name, work in works.items()}

    monkeypatch.setattr(trials_of, "rounds", rounds)
    PaperTrack.most = 0
    return PaperTrack(Requests((), (), ""), "latency")


def report(_: str) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext()


FIELD = (candidate("cpu", "fp32"), candidate("openvino", "bf16"))


def test_candidates_are_timed_with_fewer_threads_until_that_is_slower(
    workload: PaperTrack,
) -> None:
    timed = list(run_trials(workload, FIELD, (4, 2, 1), report))
    assert [(each.trial.name, each.trial.threads, each.trial.ratio.median) for each in timed] == [
        ("cpu fp32", 4, 1.0),
        ("cpu fp32", 2, pytest.approx(1 / 1.5)),  # slower than with 4: not tried with 1
        ("openvino bf16", 4, 2.0),
        ("openvino bf16", 2, 2.5),
        ("openvino bf16", 1, 1.25),
    ]
    assert timed[2].milliseconds == pytest.approx(125), "four requests in half a second"


def test_no_more_than_two_are_loaded_at_a_time(workload: PaperTrack) -> None:
    list(run_trials(workload, FIELD, (4, 2, 1), report))
    assert PaperTrack.most == 2
    assert PaperTrack.loaded == []


def test_the_final_is_run_by_its_finalists_alone(workload: PaperTrack) -> None:
    timed = list(run_trials(workload, FIELD, (4, 2, 1), report))
    final = run_final(workload, [timed[3], timed[2]], report)
    assert final == {timed[3].trial: [0.4] * 5, timed[2].trial: [0.5] * 5}


def test_one_finalist_runs_no_final(workload: PaperTrack) -> None:
    timed = list(run_trials(workload, FIELD, (4, 2, 1), report))
    assert run_final(workload, [timed[3]], report) == {timed[3].trial: ()}
