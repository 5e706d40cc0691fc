"""Temporary folders that go with their owner: at its end, when it is interrupted, and, where it was killed, with the
next one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX, SUFFIX = "bert-export-", ".tmp"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder in the system's temporary directory that no other user may read.

    Raises:
        OSError: it cannot be made.
    """
    with owned_folder(Path(tempfile.gettempdir()), PREFIX, SUFFIX, mode=0o700) as made:
        yield made


@contextlib.contextmanager
def owned_folder(parent: Path, prefix: str, suffix: str, mode: int = 0o777) -> Iterator[Path]:
    """A new folder in `parent`; gone at the end unless it was renamed. What killed processes left is cleared first.

    Its owner holds a lock on it until the process ends. A folder whose lock is free is a leftover.

    Args:
        parent: the folder above it.
        prefix: what every such folder's name begins with.
        suffix: what it ends with.
        mode: its permissions.

    Raises:
        OSError: it cannot be made.
    """
    for leftover in parent.glob(f"{prefix}*{suffix}"):
        with contextlib.suppress(OSError), locked(leftover, wait=False):
            shutil.rmtree(leftover, ignore_errors=True)
    made = parent / f"{prefix}{secrets.token_hex(8)}{suffix}"
    try:  # an interrupt may come as soon as the folder is there
        with contextlib.ExitStack() as held:
            while not made.exists():  # before the lock is held, another process may clear it as a leftover
                made.mkdir(mode)
                with contextlib.suppress(FileNotFoundError):
                    held.enter_context(locked(made, wait=True))
            yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextlib.contextmanager
def locked(folder: Path, wait: bool) -> Iterator[None]:
    """Hold a folder's lock; an OSError where another process has it and there is no waiting."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            if not wait:
                raise  # and where the file system has no locks, a new folder is used without
        yield
    finally:
        os.close(handle)
