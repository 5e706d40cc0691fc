"""What tests of both packages share: the demo bundle, made once by the command that the README shows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from bert_export.cli import main

torch.set_num_threads(1)  # tiny matrices: threads only wait for each other, and sum in another order


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
