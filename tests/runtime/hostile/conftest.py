"""A good bundle to break, and what BUNDLE.md says of breaking each rule."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from tests.without_exporter import skip_without_exporter

import bert_runtime
from bert_runtime.errors import BundleError

if TYPE_CHECKING:
    import onnx

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "v1" / "text-classification"
Manifest = dict[str, Any]
Change: TypeAlias = "Callable[[onnx.ModelProto], object]"


@pytest.fixture(scope="session")
def rules() -> Mapping[int, tuple[str, ...]]:
    """Rule number -> the words of its errors, as the table in BUNDLE.md gives them."""
    table = (ROOT / "runtime" / "BUNDLE.md").read_text(encoding="utf-8").split("## Rules")[1].split("## Versions")[0]
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", table, re.MULTILINE)
    return {int(number): tuple(re.findall(r"`([^`]+)`", words)) for number, words in rows}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A copy of a golden bundle."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "bundle"))


@pytest.fixture
def edit(good: Path) -> Callable[[Callable[[Manifest], object]], None]:
    """Change the copy's manifest."""

    def apply(change: Callable[[Manifest], object]) -> None:
        path = good / "manifest.json"
        manifest = json.loads(path.read_bytes())
        change(manifest)
        path.write_text(json.dumps(manifest), encoding="utf-8")

    return apply


@pytest.fixture
def put(good: Path, edit: Callable[[Callable[[Manifest], object]], None]) -> Callable[[str, bytes], None]:
    """Write a file into the copy, and its size and digest into the manifest: what an attacker can do."""

    def write(name: str, content: bytes) -> None:
        (good / name).write_bytes(content)
        record = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        edit(lambda manifest: manifest["files"].update({name: record}))

    return write


@pytest.fixture
def refused(good: Path, rules: Mapping[int, tuple[str, ...]]) -> Callable[[int], str]:
    """Load the copy: it must be refused in the words of the rule. The error's text."""

    def check(rule: int) -> str:
        with pytest.raises(BundleError) as caught:
            bert_runtime.load(good)
        text = str(caught.value)
        assert any(words in text for words in rules[rule]), f"rule {rule} says {rules[rule]}, the error is: {text}"
        return text

    return check


@pytest.fixture
def change(good: Path, put: Callable[[str, bytes], None]) -> Callable[[Change], None]:
    """Change the copy's graph and seal it again."""

    skip_without_exporter()
    import onnx

    def apply(edit: Change) -> None:
        model = onnx.load(good / "model.onnx")
        edit(model)
        put("model.onnx", model.SerializeToString())

    return apply
