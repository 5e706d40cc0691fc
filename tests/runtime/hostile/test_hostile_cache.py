"""A decoder's manifest whose tensors for each layer contradict its sizes is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bert_runtime import bundle
from bert_runtime.errors import BundleError

GOLDEN = Path(__file__).parents[2] / "golden" / "v1" / "text-generation"


@pytest.fixture
def refused(tmp_path: Path, rules: Mapping[int, tuple[str, ...]]) -> Callable[[int, Callable[[Any], None]], str]:
    """The error of a golden decoder whose manifest was changed; holds the words of a rule of BUNDLE.md."""

    def reading(rule: int, change: Callable[[Any], None]) -> str:
        path = shutil.copytree(GOLDEN, tmp_path / "bundle")
        manifest = json.loads((path / "manifest.json").read_bytes())
        change(manifest)
        (path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        with pytest.raises(BundleError) as error:
            bundle.read(path)
        assert any(words in str(error.value) for words in rules[rule])
        return str(error.value)

    return reading


def test_rule_23_without_the_number_of_layers(refused: Callable[[int, Callable[[Any], None]], str]) -> None:
    assert "sizes.layers is missing, expected the number of layers" in refused(23, lambda m: m["sizes"].pop("layers"))


def test_rule_20_another_number_of_layers(refused: Callable[[int, Callable[[Any], None]], str]) -> None:
    assert "expected those of text-generation" in refused(20, lambda m: m["sizes"].update(layers=3))


def test_rule_20_more_layers_than_memory(refused: Callable[[int, Callable[[Any], None]], str]) -> None:
    message = refused(20, lambda m: m["sizes"].update(layers=2**31 - 1))
    assert "tensors, expected those of text-generation for sizes.layers 2147483647" in message


@pytest.mark.parametrize("axis", ["past", "total", "sequence"])
def test_rule_23_the_size_of_an_axis_of_the_cache(
    axis: str, refused: Callable[[int, Callable[[Any], None]], str]
) -> None:
    message = refused(23, lambda m: m["sizes"].update({axis: 7}))
    assert f"sizes.{axis} is given, expected no size for an axis that changes with the request" in message


def test_rule_20_a_cache_in_another_order(refused: Callable[[int, Callable[[Any], None]], str]) -> None:
    def swapped(manifest: Any) -> None:
        inputs = manifest["artefacts"][0]["inputs"]
        inputs[2], inputs[3] = inputs[3], inputs[2]

    assert "artefacts[0].inputs are input_ids" in refused(20, swapped)
