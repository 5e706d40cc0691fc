"""How many CPUs this process may use: its affinity and its cgroup's quota, not the host's core count."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")
_NO_LIMIT = 1 << 60
"""Bytes; version 1 writes "unlimited" as a number a little below 2^63."""


def available_cpus(cgroup: Path = _CGROUP, membership: Path = _MEMBERSHIP) -> int:
    """At least 1: the CPUs of the affinity mask, or fewer where a cgroup limits CPU time (rounded up).

    `cgroup` and `membership` are the kernel's files; tests give others.
    """
    quota = cpu_quota(cgroup, membership)
    return max(1, min(affinity(), affinity() if quota is None else math.ceil(quota)))


def affinity() -> int:
    """How many CPUs the scheduler may put this process on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_quota(cgroup: Path = _CGROUP, membership: Path = _MEMBERSHIP) -> float | None:
    """The smallest CPU limit of this process's cgroup and of every cgroup above it, in CPUs; None without one."""
    quotas = [quota for folder in _folders("cpu", cgroup, membership) for quota in _quota(folder)]
    return min(quotas, default=None)


def memory_limit(cgroup: Path = _CGROUP, membership: Path = _MEMBERSHIP) -> int | None:
    """The smallest memory limit of these cgroups, in bytes; None without one."""
    folders = list(_folders("memory", cgroup, membership))
    texts = [_read(folder / name) for folder in folders for name in ("memory.max", "memory.limit_in_bytes")]
    limits = [int(text) for text in texts if text is not None and text.isdecimal()]
    return min((limit for limit in limits if limit < _NO_LIMIT), default=None)


def _folders(controller: str, cgroup: Path, membership: Path) -> Iterator[Path]:
    """This process's cgroup and every cgroup above it that limit `controller` (cgroup v2, then v1)."""
    for line in (_read(membership) or "").splitlines():
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        root = cgroup if controllers == "" else cgroup / controllers
        here = root / path.lstrip("/")
        # In a container the path is the host's and may not exist below the mounted root: the root itself counts then.
        yield from (here, *(parent for parent in here.parents if parent.is_relative_to(root)))


def _quota(folder: Path) -> Iterator[float]:
    limit, period = _read(folder / "cpu.max"), None
    if limit is not None:
        limit, _, period = limit.partition(" ")
    else:
        limit, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    try:
        quota = float(limit or "") / float(period or "")
    except (ValueError, ZeroDivisionError):  # "max", or no such file: unlimited
        return
    if 0 < quota < math.inf:
        yield quota


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
