"""A client that type-checks strictly sees the types of every package, and pays for no import before its use."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bert_calibration
import bert_export
import bert_runtime

ROOT = Path(__file__).parents[1]
CLIENT = Path(__file__).with_name("typed_client.py")


@pytest.mark.parametrize("package", [bert_runtime, bert_calibration, bert_export], ids=lambda package: package.__name__)
def test_a_package_says_that_it_is_typed(package: object) -> None:
    assert Path(str(package.__file__)).with_name("py.typed").is_file()  # type: ignore[attr-defined]  # of a module


def test_linting_checks_the_client_as_strictly_as_its_author_could() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    client = CLIENT.relative_to(ROOT)
    strict = [each["module"] for each in settings["mypy"]["overrides"] if each.get("disallow_any_expr")]
    assert ".".join(client.with_suffix("").parts) in strict
    assert settings["pyright"]["typeCheckingMode"] == "strict"
    assert settings["pyright"]["include"] == [client.as_posix()]


def test_exports_of_the_exporter_are_there_and_imported_when_they_are_used() -> None:
    program = (
        "import sys, bert_export\n"
        "print('numpy' in sys.modules)\n"
        "missing = [name for name in bert_export.__all__ if not hasattr(bert_export, name)]\n"
        "import bert_export.pipeline\n"
        "from bert_export import export\n"
        "print(missing, callable(export))\n"
    )
    early = "import sys, bert_export as b; b.ExportOptions(task='qa'); b.export; print('torch' in sys.modules)"
    assert run(program) == ["False", "[] True"]
    assert run(early) == ["False"]


def run(program: str) -> list[str]:
    """The lines that a program prints in an interpreter of its own."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
