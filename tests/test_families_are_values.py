"""A family's name stands in its own file; everything else asks the value."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from bert_export.families import BY_NAME

ROOT = Path(__file__).parents[1]
PACKAGES = ("runtime/bert_runtime", "calibration/bert_calibration", "exporter/bert_export", "serving/bert_serve")
FAMILIES = ROOT / "exporter/bert_export/families"
OTHER_MEANINGS = {("sentence.py", "BERT"): "a module of the first releases of sentence-transformers"}
"""(file, word) -> what else the word means there."""


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Line and content of each string that is a family's name, title or prefix of classes."""
    names = {word for family in BY_NAME.values() for word in (family.name, family.title, family.class_prefix)}
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(io.StringIO(file.read()).readline):
            is_whole = token.type == tokenize.STRING and "f" not in token.string.lower().partition('"')[0]
            if is_whole and (word := ast.literal_eval(token.string)) in names:
                yield token.start[0], word


def test_no_family_is_named_outside_its_own_file() -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path.parent != FAMILIES]
    assert len(files) > 200
    found = [(path.name, line, word) for path in sorted(files) for line, word in literals(path)]
    assert [each for each in found if (each[0], each[2]) not in OTHER_MEANINGS] == []


@pytest.mark.parametrize("name", BY_NAME)
def test_each_family_is_a_file_of_tens_of_lines(name: str) -> None:
    path = FAMILIES / f"{name.replace('-', '_')}.py"
    assert name in [word for _, word in literals(path)]
    assert len(path.read_text(encoding="utf-8").splitlines()) < 70
