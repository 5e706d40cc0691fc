"""What tests of both packages share: the demo bundle, made once by the command that the README shows."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.tracing import KeptTraces

from bert_export.cli import main

TESTS = Path(__file__).parent
LONGEST = ("exporter", "cpp", ".", "exporter/passes", "runtime/generation/cross")
"""Folders that are begun first where tests run in several processes: the other ones have something to do to the end."""

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell leaves it for what it starts with `&`
    signal.signal(signal.SIGINT, signal.default_int_handler)

torch.set_num_threads(1)  # tiny matrices: threads only wait for each other, and sum in another order
gc.freeze()  # what was imported stays: the collector need not look at it again and again


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
def kept_traces(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each network is traced once, kept where pytest keeps what one run tells the next."""
    cache = getattr(request.config, "cache", None)  # absent with -p no:cacheprovider
    folder = cache.mkdir("traces") if cache is not None else tmp_path_factory.mktemp("traces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.onnx, "export", KeptTraces(folder))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_cpu() -> None:
    """Where tests run in several processes, each keeps to a CPU: engines would have a thread on every one, which for
    networks as small as these only waits, and takes the other tests' time with it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {usable[int(worker.removeprefix("gw")) % len(usable)]})


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the repository's root after `make demo`: build/demo-qa and examples/. `make test` names the bundle
    that it has made; without, it is made here."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "examples").symlink_to(TESTS.parent / "examples")
    if "BERT_EXPORT_DEMO" in os.environ:
        shutil.copytree(os.environ["BERT_EXPORT_DEMO"], folder / "build" / "demo-qa")
    else:
        assert main(["--task", "qa", "--output", str(folder / "build" / "demo-qa"), "--quiet"]) == 0
    return folder


@pytest.fixture(scope="session")
def demo_embedding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of all-MiniLM-L6-v2 itself, which makes sentence vectors."""
    bundle = tmp_path_factory.mktemp("demo") / "embedding"
    assert main(["--task", "embedding", "--output", str(bundle), "--quiet"]) == 0
    return bundle
