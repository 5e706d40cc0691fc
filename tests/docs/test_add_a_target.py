"""The page that adds a target works as it is written: its four files, in a copy of the sources, export and answer."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/guides/add-a-target.md"
COPIED = ("runtime/bert_runtime", "calibration/bert_calibration", "exporter/bert_export", "tests", "pyproject.toml")


def titled_blocks() -> Iterator[tuple[str, str, str]]:
    """Language, file and content of each block that names its file."""
    pattern = r'```(python|diff) title="(.+?)"\n(.*?)```'
    for found in re.finditer(pattern, PAGE.read_text(encoding="utf-8"), re.DOTALL):
        yield found[1], found[2], found[3]


def patched(text: str, diff: str) -> str:
    """The text with the diff's new lines, each run of them behind the line of context before it."""
    for hunk in diff.split("...\n"):
        (context, *added) = hunk.splitlines()
        assert all(line.startswith("+") for line in added)
        assert text.count(context[1:] + "\n") == 1, context
        lines = "".join(line[1:] + "\n" for line in added)
        text = text.replace(context[1:] + "\n", f"{context[1:]}\n{lines}")
    return text


def test_a_made_up_target_takes_four_files_and_answers(tmp_path: Path) -> None:
    leave = shutil.ignore_patterns("__pycache__", "golden", "*.safetensors", "cpp", "benchmarks")
    for name in COPIED:
        source, copy = ROOT / name, tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, copy, ignore=leave) if source.is_dir() else shutil.copy(source, copy)
    blocks = list(titled_blocks())
    assert len({file for _, file, _ in blocks}) == 4
    for language, file, content in blocks:
        path = tmp_path / file
        assert path.exists() == (language == "diff"), file
        path.write_text(patched(path.read_text(encoding="utf-8"), content) if language == "diff" else content, "utf-8")
    test = next(file for _, file, _ in blocks if file.startswith("tests/"))
    folders = ":".join(str(tmp_path / name.partition("/")[0]) for name in COPIED[:3])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": folders, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\[100%\]|1 passed", done.stdout)
