"""A checkpoint on this machine, wherever it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folder:
    """A checkpoint on this machine.

    Attributes:
        path: the directory.
        name: the hub id, or the directory's own name: never a path, since manifests keep it.
        revision: the hub's commit; None for a local directory.
    """

    path: Path
    name: str
    revision: str | None = None
