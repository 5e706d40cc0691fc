"""The tables that the C++ runtime was generated with: making them again gives no difference."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CPP = Path(__file__).parents[2] / "runtime" / "cpp"
SCRIPT = "make_character_tables.py"
TABLES = (
    "nonspacing_table.inc",
    "cased_table.inc",
    "case_ignorable_table.inc",
    "lower_case_table.inc",
)


def check(cpp: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(cpp / "tools" / SCRIPT), "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_tables_are_what_their_script_writes() -> None:
    done = check(CPP)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_was_changed_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "src").mkdir()
    shutil.copy(CPP / "tools" / SCRIPT, tmp_path / "tools")
    for table in TABLES:
        shutil.copy(CPP / "src" / table, tmp_path / "src")
    subprocess.run([sys.executable, str(tmp_path / "tools" / SCRIPT)], check=True)
    assert check(tmp_path).returncode == 0

    lines = (tmp_path / "src" / name).read_text(encoding="ascii").splitlines(keepends=True)
    (tmp_path / "src" / name).write_text("".join(lines[:3] + lines[4:]), encoding="ascii")
    done = check(tmp_path)
    assert (done.returncode, done.stderr) == (1, f"{name} is not what {SCRIPT} writes; run it\n")


def test_the_messages_of_onnx_are_what_their_script_writes() -> None:
    command = [sys.executable, str(CPP / "tools" / "make_onnx_messages.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


FORMAT_SCRIPT = CPP / "tools" / "make_format_tables.py"


def test_targets_tasks_and_words_of_the_format_are_those_of_python() -> None:
    done = subprocess.run([sys.executable, str(FORMAT_SCRIPT), "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("src/tasks_table.inc", "vocabulary"),
        ("src/format_limits.h", "16777216"),
        ("include/bert_runtime/limits.h", "1024"),
    ],
)
def test_a_format_table_that_was_changed_is_told(
    name: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("make_format_tables", FORMAT_SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    for folder in ("src", "include/bert_runtime"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(sys, "argv", ["make_format_tables.py"])
    assert script.main() == 0
    monkeypatch.setattr(sys, "argv", ["make_format_tables.py", "--check"])
    assert script.main() == 0
    table = tmp_path / name
    table.write_text(table.read_text(encoding="ascii").replace(word, "1234"), encoding="ascii")
    assert script.main() == 1
