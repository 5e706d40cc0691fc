"""Whether actors fit a cluster is said before anything starts."""

from __future__ import annotations

import pytest

from bert_runtime.errors import InputError
from bert_runtime.ray import Workers
from bert_runtime.ray.workers import CHECKING, READING, fitting


@pytest.mark.parametrize(
    ("workers", "nodes", "count"),
    [
        (Workers(), [{"CPU": 4.0}], 3),
        (Workers(cpus=2), [{"CPU": 4.0}], 1),
        (Workers(cpus=0.5), [{"CPU": 2.0}], 2),
        (Workers(cpus=3), [{"CPU": 4.0}, {"CPU": 4.0}], 2),
        (Workers(gpus=0.5), [{"CPU": 16.0, "GPU": 2.0}], 4),
        (Workers(cpus=0, gpus=1), [{"CPU": 1.0, "GPU": 2.0}], 2),
        (Workers(count=2), [{"CPU": 8.0}], 2),
    ],
)
def test_as_many_actors_start_as_leave_a_cpu_to_read_and_write(
    workers: Workers, nodes: list[dict[str, float]], count: int
) -> None:
    assert fitting(workers, nodes) == count


@pytest.mark.parametrize(
    ("workers", "nodes", "message"),
    [
        (Workers(cpus=0.5), [{"CPU": 1.0}], "1 CPUs and 0 GPUs on 1 nodes, expected 1.5 CPUs"),
        (Workers(count=2), [{"CPU": 2.0}], r"expected 3 CPUs \(2 x 1, and 1 to read and write\)"),
        (Workers(cpus=3), [{"CPU": 2.0}, {"CPU": 2.0}], "4 CPUs and 0 GPUs on 2 nodes, expected 4 CPUs"),
        (Workers(gpus=1), [{"CPU": 8.0}], "and 1 GPUs; take fewer or smaller actors, or a larger cluster"),
        (Workers(), [], "the cluster has 0 CPUs"),
    ],
)
def test_a_cluster_without_room_is_refused_with_what_is_needed(
    workers: Workers, nodes: list[dict[str, float]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fitting(workers, nodes)


def test_a_checkpoint_takes_a_cpu_more() -> None:
    """Ray's actor that leaves out what is done would otherwise hold the last CPU, and nothing would be read."""
    with pytest.raises(InputError, match=r"the cluster has 2 CPUs .* expected 3 CPUs \(1 x 1, and 2 to read"):
        fitting(Workers(), [{"CPU": 2.0}], READING + CHECKING)
    assert fitting(Workers(), [{"CPU": 4.0}], READING + CHECKING) == 2


def test_workers_without_any_share_are_refused() -> None:
    with pytest.raises(InputError, match="cpus and gpus are 0"):
        Workers(cpus=0)
    with pytest.raises(InputError, match="count is 0, expected at least 1"):
        Workers(count=0)
