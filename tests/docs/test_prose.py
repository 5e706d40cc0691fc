"""The documents can be read once: short sentences, a README of one screen, figures that are those of the results."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "runtime/BUNDLE.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "training/README.md",
)
PAGES = [*map(ROOT.joinpath, NAMES), *sorted((ROOT / "docs").rglob("*.md"))]
MOST_WORDS = 35
GENERATED = re.compile(r"<!-- tables: made by .*?<!-- end of tables -->", re.DOTALL)


def sentences(text: str) -> Iterator[str]:
    """Those of the prose: without code, tables and lists of links."""
    prose = re.sub(r"```.*?```", "", GENERATED.sub("", text), flags=re.DOTALL)
    lines = (line for line in prose.splitlines() if not line.startswith(("|", "<", "    ", ":::", "* `")))
    for paragraph in re.split(r"\n\s*\n|\n\s*(?:[*#-]|\d+\.) ", "\n".join(lines)):
        yield from re.split(r"(?<=[.!?:;])\s", re.sub(r"\s+", " ", paragraph))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_sentence_is_longer_than_a_breath(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [each for each in sentences(text) if len(each.split()) > MOST_WORDS] == []


def test_the_readme_is_one_screen_and_its_first_command_stands_near_the_top() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.encode()) <= 10_000
    assert text[: text.index("```console")].count("\n") < 30


def test_the_accuracy_that_the_readme_shows_is_in_the_table_of_all_variants() -> None:
    whole = (ROOT / "docs/guides/accuracy.md").read_text(encoding="utf-8").replace(" =,", ",")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("| head | torch fp32 |") :].partition("\n\n")[0].splitlines()[2:]
    assert len(table) >= 4
    for row in table:
        head, torch, *cells = (cell.strip() for cell in row.strip("|").split("|"))
        (measured,) = (line for line in whole.splitlines() if line.startswith(f"| {head.partition(',')[0]}:"))
        assert all(f" {cell} |" in measured for cell in cells), row
        assert f"| {torch} (" in measured, row
