"""Tiny checkpoints of the families, each saved once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.exporter.families.checkpoints import FamilyCheckpoint, save_checkpoint

from bert_export.families import Family


@pytest.fixture(scope="session")
def family_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> FamilyCheckpoint:
    """Checkpoints, each saved once."""
    saved: dict[tuple[str, str], Path] = {}

    def get(family: Family, task: str) -> Path:
        key = (family.name, task)
        if key not in saved:
            saved[key] = save_checkpoint(tmp_path_factory.mktemp("families") / family.name, family, task)
        return saved[key]

    return get
