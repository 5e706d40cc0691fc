"""BUNDLE.md and the tests speak of the same rules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent
TESTS = FOLDER.parents[1]


def test_rules_are_numbered_without_gaps(rules: Mapping[int, tuple[str, ...]]) -> None:
    assert list(rules) == list(range(1, len(rules) + 1))
    assert all(rules.values())


def test_every_rule_has_a_test_that_breaks_it(rules: Mapping[int, tuple[str, ...]]) -> None:
    cases = json.loads((TESTS / "cases" / "hostile_manifests.json").read_bytes())["cases"]
    names = [name for path in FOLDER.glob("test_*.py") for name in re.findall(r"def (test_rule_\w+)", path.read_text())]
    numbers = {int(number) for name in names for number in re.findall(r"(?<=rule_|_and_)\d{2}(?=_)", name)}

    assert {case["rule"] for case in cases} | numbers == set(rules)
