"""wikiHow: which of four steps belongs to a goal, and which of four goals to a step (Zhang et al. 2020)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from training.corpora import Line
from training.registry import BIGBENCH, read_members

_FOLDER = "bigbench-1.0.0/bigbench/benchmark_tasks/goal_step_wikihow"
SETS = {name: f"{_FOLDER}/{name}/task.json" for name in ("step_inference", "goal_inference")}
HELD_OUT = 350
"""The last of each set, which are never trained on."""


def load() -> dict[str, list[Line]]:
    """Every question of each set, in the file's order."""
    files = read_members(BIGBENCH, list(SETS.values()))
    return {name: [_line(item) for item in json.loads(files[path])["examples"]] for name, path in SETS.items()}


def train() -> list[Line]:
    """All questions but those held out."""
    return [line for lines in load().values() for line in lines[:-HELD_OUT]]


def held_out() -> list[Line]:
    """Questions that are never trained on."""
    return [line for lines in load().values() for line in lines[-HELD_OUT:]]


def _line(item: Mapping[str, Any]) -> Line:
    scores = item["target_scores"]
    return {"prompt": item["input"].strip(), "choices": list(scores), "label": list(scores.values()).index(1)}
