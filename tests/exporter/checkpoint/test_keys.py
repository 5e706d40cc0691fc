"""No key of a checkpoint's files vanishes: each is carried, ignored for a reason, refused, or named as unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from bert_export.checkpoint.files_page import page
from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.keys import KnownFile, account, carried, ignored, refused
from bert_export.checkpoint.known_files import KNOWN_FILES

PAGE = Path(__file__).parents[3] / "docs" / "checkpoint-files.md"
FILE = KnownFile(
    "some.json",
    "Settings.",
    (
        carried("length", "the record"),
        ignored("name", "a name"),
        refused("split", "it would be lost", False, []),
        carried("*_token", "the record"),
    ),
)


def test_each_key_is_accounted_for() -> None:
    findings = Findings()
    account(FILE, {"length": 3, "cls_token": "x", "name": "y", "split": False, "other": 1}, findings)
    assert findings.read == {"some.json": ("cls_token", "length")}
    assert findings.problems == []
    assert findings.notes == ["some.json: not read, as the exporter does not know what it means: 'other'"]


@pytest.mark.parametrize("value", [True, 0, "no", [1], {}])
def test_a_refused_key_is_named_with_its_value_and_its_reason(value: object) -> None:
    findings = Findings()
    account(FILE, {"split": value}, findings)
    (problem,) = findings.problems
    assert problem.startswith("some.json says split ")
    assert problem.endswith("it would be lost")


@pytest.mark.parametrize("value", [None, False, []])
def test_a_refused_key_passes_with_a_value_that_decides_nothing(value: object) -> None:
    findings = Findings()
    account(FILE, {"split": value}, findings)
    assert findings.problems == []


def test_many_unknown_keys_and_long_values_are_cut() -> None:
    findings = Findings()
    account(FILE, {f"key{i}" * 50: 1 for i in range(99)} | {"split": "x" * 1000}, findings)
    assert "and 79 more" in findings.notes[0]
    assert len(findings.notes[0]) < 1100
    assert len(findings.problems[0]) < 200


def test_every_key_has_a_reason_and_none_stands_twice_in_a_file() -> None:
    for file in KNOWN_FILES:
        names = [key.name for key in file.keys]
        assert len(names) == len(set(names)), file.name
        assert all(key.reason and not key.reason.endswith(".") for key in file.keys), file.name
        assert all(file.key(name) is not None for name in names)
    assert len({file.name for file in KNOWN_FILES}) == len(KNOWN_FILES)


def test_the_page_in_the_docs_is_what_the_tables_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "python -m bert_export.checkpoint.files_page > docs/checkpoint-files.md"
    )
