"""Every peer gives the baseline's outputs, in its own process and environment, as far as its precision allows."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.peers import BASELINE, PEERS
from benchmarks.race import Worker, build, differences, started
from benchmarks.workload import Case, Model


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where peers build: the baseline once for all."""
    return tmp_path_factory.mktemp("benchmarks")


def check(peer: str, task: str, work: Path) -> None:
    model = Model(task, "tiny")
    build([BASELINE, peer], model, work)
    with started([BASELINE, peer], model, work, threads=1) as workers:
        for case in (Case(1, 16), Case(3, 24)):
            differences(workers, case, BASELINE, work)  # raises


@pytest.mark.slow
@pytest.mark.parametrize("task", ["text-classification", "question-answering", "fill-mask"])
@pytest.mark.parametrize("peer", sorted(set(PEERS) - {BASELINE}))
def test_every_peer_answers_as_the_baseline_does(peer: str, task: str, work: Path) -> None:
    if (peer, task) == ("ctranslate2", "fill-mask"):
        pytest.skip("its encoder has no vocabulary")
    check(peer, task, work)


@pytest.mark.slow
def test_a_peer_whose_outputs_differ_stops_the_race(work: Path) -> None:
    other = work / "other"
    build([BASELINE], Model("text-classification", "tiny"), work)
    build(["torch-eager"], Model("question-answering", "tiny"), other)
    model = Model("text-classification", "tiny")
    with (
        Worker(BASELINE, model, work, 1) as honest,
        Worker("torch-eager", Model("question-answering", "tiny"), other, 1) as wrong,
        pytest.raises(RuntimeError, match="torch-eager by inf; nothing was timed"),
    ):
        differences({BASELINE: honest, "torch-eager": wrong}, Case(1, 16), BASELINE, work)
