"""How many CPUs this process may use: its affinity and its cgroup's quota, not the host's core count."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def available_cpus(cgroup: Path = _CGROUP, membership: Path = _MEMBERSHIP) -> int:
    """At least 1: the CPUs of the affinity mask, or fewer where a cgroup limits CPU time (rounded up).

    `cgroup` and `membership` are the kernel's files; tests give others.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [math.ceil(quota) for quota in _quotas(cgroup, membership)]
    return max(1, min([affinity, *quotas]))


def _quotas(cgroup: Path, membership: Path) -> Iterator[float]:
    """The CPU limits of this process's cgroup and of every cgroup above it, in CPUs (cgroup v2, then v1)."""
    for line in (_read(membership) or "").splitlines():
        controllers, _, path = line.partition(":")[2].partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = cgroup if controllers == "" else cgroup / controllers
        here = root / path.lstrip("/")
        # In a container the path is the host's and may not exist below the mounted root: the root itself counts then.
        for folder in (here, *(parent for parent in here.parents if parent.is_relative_to(root))):
            yield from _quota(folder)


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
