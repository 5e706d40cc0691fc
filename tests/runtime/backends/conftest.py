"""Golden bundles under other targets: their graphs have standard operators only, which every engine reads."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.without_exporter import skip_without_exporter

if TYPE_CHECKING:
    import onnx

GOLDEN = Path(__file__).parents[2] / "golden/v1"
Retarget = Callable[..., Path]
"""(task, "TARGET:PRECISION", ...) -> a copy of the task's golden bundle whose artefacts claim to be these."""


@pytest.fixture
def retarget(tmp_path: Path) -> Retarget:
    """Copies of golden bundles."""

    def make(task: str, *variants: str) -> Path:
        folder = tmp_path / "-".join((task, *variants)).replace(":", "-")
        shutil.copytree(GOLDEN / task, folder)
        manifest = json.loads((folder / "manifest.json").read_bytes())
        pairs = [variant.split(":") for variant in variants]
        artefact = manifest["artefacts"][0]
        manifest["artefacts"] = [{**artefact, "target": target, "precision": precision} for target, precision in pairs]
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        rewrite_graph(folder, without_defaults)
        return folder

    return make


def without_defaults(model: onnx.ModelProto) -> None:
    """Make every input one that has to be given: OpenVINO takes an input with a default for a constant."""
    inputs = {value.name for value in model.graph.input}
    kept = [each for each in model.graph.initializer if each.name not in inputs]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def rewrite_graph(bundle: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    """Change a bundle's graph; the manifest's size and digest follow."""
    skip_without_exporter()
    import onnx

    model = onnx.load(bundle / "model.onnx")
    change(model)
    content = model.SerializeToString()
    (bundle / "model.onnx").write_bytes(content)
    manifest = json.loads((bundle / "manifest.json").read_bytes())
    manifest["files"]["model.onnx"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (bundle / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
