"""Bundles as a hub cache keeps them."""

from __future__ import annotations

import shutil
from pathlib import Path


def as_snapshot(bundle: Path, directory: Path) -> Path:
    """Make `directory` a hub cache's snapshot of a bundle: every file is a link to a blob."""
    snapshots = next(parent for parent in directory.parents if parent.name == "snapshots")
    blobs = snapshots.parent / "blobs"
    blobs.mkdir(parents=True)
    directory.mkdir(parents=True)
    up = Path(*[".."] * len(directory.relative_to(snapshots.parent).parts))
    for file in bundle.iterdir():
        shutil.copy(file, blobs / f"blob-{file.name}")
        (directory / file.name).symlink_to(up / "blobs" / f"blob-{file.name}")
    return directory
