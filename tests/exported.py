"""What tests of the exporter share: kept traces, and the demo bundles, made by the README's command."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.tracing import KeptTraces

from bert_export.cli import main

ROOT = Path(__file__).parents[1]

torch.set_num_threads(1)  # tiny matrices: threads only wait for each other, and sum in another order
gc.freeze()  # what was imported stays: the collector need not look at it again and again


@pytest.fixture(scope="session", autouse=True)
def kept_traces(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Each network is traced once, kept where pytest keeps what one run tells the next."""
    cache = getattr(request.config, "cache", None)  # absent with -p no:cacheprovider
    folder = cache.mkdir("traces") if cache is not None else tmp_path_factory.mktemp("traces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.onnx, "export", KeptTraces(folder))
        yield


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the repository's root after `make demo`: build/demo-qa and examples/. `make test` names the bundle
    that it has made; without, it is made here."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "examples").symlink_to(ROOT / "examples")
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
