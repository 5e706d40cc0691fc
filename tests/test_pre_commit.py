"""What runs on a commit is what `make lint` and `make docs` run."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]


def test_every_hook_calls_a_tool_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert repository["repo"] == "local"
    entries = [hook["entry"] for hook in repository["hooks"]]
    assert len(entries) >= 6
    for entry in entries:
        assert f"$(BIN)/{entry.removesuffix(' --fix')}" in makefile, entry
