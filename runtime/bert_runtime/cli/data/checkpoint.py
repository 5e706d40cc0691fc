"""What of a run is whole: a small file beside the output that says after which row, and which byte, to go on."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bert_runtime.cli.data.places import Place

EVERY = 0.5
"""Seconds between two checkpoints, at least."""

DIGITS = 16
"""Of the digest, in names."""


@dataclass(frozen=True)
class Mark:
    """A place in a run: so many rows of the input are in so many bytes of the output."""

    rows: int = 0
    bytes: int = 0
    answered: int = 0
    skipped: int = 0


class Checkpoint:
    """A Mark in a file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        """`path` need not exist."""
        self.path = path
        self._last = time.monotonic()

    def read(self) -> Mark | None:
        """The mark; None where there is none, or what is there is no mark."""
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            mark = Mark(**found)
        except (OSError, ValueError, TypeError):
            return None
        is_right = all(isinstance(value, int) and value >= 0 for value in asdict(mark).values())
        return mark if is_right else None

    def is_due(self) -> bool:
        """Whether the last one is EVERY seconds old."""
        return time.monotonic() - self._last >= EVERY

    def write(self, mark: Mark, data: int) -> None:
        """Replace the mark, once what is written to the descriptor `data` is on the disk."""
        os.fsync(data)
        new = self.path.with_name(self.path.name + ".new")
        new.write_text(json.dumps(asdict(mark)), encoding="utf-8")
        new.replace(self.path)
        self._last = time.monotonic()


def digest(manifest: bytes, places: Sequence[Place], options: str) -> str:
    """What names a run: bundle, input and options; the same run later has the same digest.

    Args:
        manifest: the bundle's, which lists the digest of every file.
        options: all that decides what is written.
    """
    found = hashlib.sha256(manifest)
    for place in places:
        found.update(f"\0{place.path}\0{place.version()}".encode("utf-8", "surrogateescape"))
    found.update(f"\0{options}".encode("utf-8", "surrogateescape"))
    return found.hexdigest()[:DIGITS]
