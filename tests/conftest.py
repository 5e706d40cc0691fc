"""What tests of both packages share: the demo bundle, made once by the command that the README shows."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.tracing import KeptTraces

from bert_export.cli import main

LONGEST_FILES = ("test_readme.py", "exporter/test_export.py", "exporter/test_cli.py", "cpp/test_tokenizer.py")
"""Begun first where tests run in several processes: the other ones have something to do to the end."""

torch.set_num_threads(1)  # tiny matrices: threads only wait for each other, and sum in another order
gc.freeze()  # what was imported stays: the collector need not look at it again and again


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the rest in its order; `--no-loadscope-reorder` leaves it like this."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONGEST_FILES))


@pytest.fixture(scope="session", autouse=True)
def kept_traces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each network is traced once."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # then the folder above belongs to this run, and to all its processes
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        (folder / "traces").mkdir(exist_ok=True)
        patch.setattr(torch.onnx, "export", KeptTraces(folder / "traces"))
        yield


@pytest.fixture(scope="module", autouse=True)
def one_cpu(request: pytest.FixtureRequest) -> Iterator[None]:
    """Where tests run in several processes, each of those that make bundles keeps to a CPU: engines would have a thread
    on every one, and networks as small as these only let threads wait for each other."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    path = request.path.relative_to(Path(__file__).parent)
    if not worker or path.parts[0] not in ("exporter", "calibration", "test_readme.py"):
        yield
        return
    usable = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {usable[int(worker.removeprefix("gw")) % len(usable)]})
    yield
    os.sched_setaffinity(0, usable)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the repository's root after `make demo`: build/demo-qa and examples/."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "examples").symlink_to(Path(__file__).parents[1] / "examples")
    assert main(["--task", "qa", "--output", str(folder / "build" / "demo-qa"), "--quiet"]) == 0
    return folder


@pytest.fixture(scope="session")
def demo_embedding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of all-MiniLM-L6-v2 itself, which makes sentence vectors."""
    bundle = tmp_path_factory.mktemp("demo") / "embedding"
    assert main(["--task", "embedding", "--output", str(bundle), "--quiet"]) == 0
    return bundle
