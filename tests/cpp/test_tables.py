"""The tables of Unicode that the C++ runtime was generated with: making them again gives no difference."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "runtime" / "cpp" / "tools"


@pytest.mark.parametrize("name", ["make_nonspacing_table", "make_printable_table"])
def test_a_table_is_what_its_script_writes(name: str) -> None:
    command = [sys.executable, str(TOOLS / f"{name}.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
