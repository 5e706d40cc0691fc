"""What all tests share: their order, a CPU for each process, and the exporter's fixtures where it is installed."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.without_exporter import is_exporter_there

TESTS = Path(__file__).parent
LONGEST = ("exporter", "cpp", ".", "exporter/passes", "runtime/generation/cross")
"""Folders that are begun first where tests run in several processes: the other ones have something to do to the end."""

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell leaves it for what it starts with `&`
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.exported"] if is_exporter_there() else []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A folder is tested by one process, which makes what its conftest shares once; `--no-loadscope-reorder` leaves the
    folders in this order."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(folder_of(item)))
    items.sort(key=lambda item: LONGEST.index(folder) if (folder := folder_of(item)) in LONGEST else len(LONGEST))


def folder_of(item: pytest.Item) -> str:
    """Where its file lies, below this folder."""
    return item.path.parent.relative_to(TESTS).as_posix()


@pytest.fixture(scope="session", autouse=True)
def one_cpu() -> None:
    """Where tests run in several processes, each keeps to a CPU: engines would have a thread on every one, which for
    networks as small as these only waits, and takes the other tests' time with it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {usable[int(worker.removeprefix("gw")) % len(usable)]})
