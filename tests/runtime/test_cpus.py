"""How many CPUs a process may use, read from made-up files of the kernel."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bert_runtime.cpus import available_cpus


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(8)))


def cpus(tmp_path: Path, membership: str, **files: str) -> int:
    """The answer for a cgroup tree; `a__b__cpu_max` is the file a/b/cpu.max."""
    (tmp_path / "membership").write_text(membership)
    root = tmp_path / "cgroup"
    for name, content in files.items():
        *folders, kind = name.split("__")
        names = {"max": "cpu.max", "quota": "cpu.cfs_quota_us", "period": "cpu.cfs_period_us"}
        folder = root.joinpath(*folders)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / names[kind]).write_text(content + "\n")
    return available_cpus(root, tmp_path / "membership")


def test_affinity_counts_without_a_cgroup(tmp_path: Path) -> None:
    assert available_cpus(tmp_path / "none", tmp_path / "none") == 8


def test_a_v2_quota_lowers_the_count_and_is_rounded_up(tmp_path: Path) -> None:
    assert cpus(tmp_path, "0::/job", job__max="250000 100000") == 3


def test_a_quota_below_one_cpu_leaves_one(tmp_path: Path) -> None:
    assert cpus(tmp_path, "0::/job", job__max="10000 100000") == 1


def test_a_quota_above_the_affinity_changes_nothing(tmp_path: Path) -> None:
    assert cpus(tmp_path, "0::/job", job__max="6400000 100000") == 8


def test_max_means_no_limit(tmp_path: Path) -> None:
    assert cpus(tmp_path, "0::/job", job__max="max 100000") == 8


def test_the_tightest_cgroup_above_the_process_counts(tmp_path: Path) -> None:
    limits = {"slice__max": "200000 100000", "slice__job__max": "max 100000", "slice__job__step__max": "400000 100000"}
    assert cpus(tmp_path, "0::/slice/job/step", **limits) == 2


def test_a_cgroup_beside_the_process_does_not_count(tmp_path: Path) -> None:
    assert cpus(tmp_path, "0::/slice/job", slice__job__max="400000 100000", slice__other__max="100000 100000") == 4


def test_in_a_container_the_mounted_root_counts_where_the_hosts_path_is_missing(tmp_path: Path) -> None:
    assert cpus(tmp_path, "0::/docker/0123abcd", max="200000 100000") == 2


@pytest.mark.parametrize("controllers", ["cpu", "cpu,cpuacct", "cpuacct,cpu"])
def test_a_v1_quota_lowers_the_count(tmp_path: Path, controllers: str) -> None:
    files = {f"{controllers}__job__quota": "300000", f"{controllers}__job__period": "100000"}
    assert cpus(tmp_path, f"5:memory:/job\n4:{controllers}:/job", **files) == 3


def test_a_v1_quota_of_minus_one_means_no_limit(tmp_path: Path) -> None:
    assert cpus(tmp_path, "4:cpu:/job", cpu__job__quota="-1", cpu__job__period="100000") == 8


def test_another_v1_controller_does_not_count(tmp_path: Path) -> None:
    files = {"cpuset__job__quota": "100000", "cpuset__job__period": "100000"}
    assert cpus(tmp_path, "4:cpuset:/job", **files) == 8


@pytest.mark.parametrize("content", ["", "lots", "100000", "inf 100000", "nan 1", "100000 0", "-5 100000", "1 2 3"])
def test_a_limit_that_makes_no_sense_is_none(tmp_path: Path, content: str) -> None:
    assert cpus(tmp_path, "0::/job", job__max=content) == 8


@pytest.mark.parametrize("membership", ["", "garbage", "0:", "a:b", "::", ":::::", "0::"])
def test_a_membership_that_makes_no_sense_is_no_error(tmp_path: Path, membership: str) -> None:
    assert cpus(tmp_path, membership) == 8
