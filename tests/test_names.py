"""The names of tests are claims that fit a line."""

from __future__ import annotations

import re
from pathlib import Path

LONGEST = 80


def test_every_name_fits_a_line() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py")]
    names = [name for source in sources for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE)]
    assert len(names) > 1000
    assert [name for name in names if len(name) > LONGEST] == []
