"""An output file: it appears under its name when it is whole, and no two processes write into one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bert_runtime.cli.standard_streams import IS_OUTPUT, named
from bert_runtime.errors import InputError

WRITERS = 100
"""How many processes may write to one name at once."""

_LONGEST_NAME = 200
"""Bytes of a name that a temporary one repeats: file systems take 255."""


@contextmanager
def written(path: str, standard: BinaryIO) -> Iterator[BinaryIO]:
    """A stream to `path`, or `standard` where that is meant.

    A file is written under a temporary name beside it and renamed once it is whole. After a failure, what was written
    is in `part_of(path)`, and a note of the error says so. What a killed process left behind is written over.

    Raises:
        InputError: WRITERS processes write to this name.
        OSError: the file cannot be written.
    """
    if path in IS_OUTPUT:
        yield standard
        return
    target = Path(path).resolve()
    with named(str(target)):
        if target.exists() and not target.is_file():  # a pipe or a device cannot be renamed
            with target.open("wb") as device:
                yield device
            return
        temporary, stream = _exclusive(target)
        with stream:  # its lock lasts until it has its name
            try:
                yield stream
                stream.flush()
                temporary.replace(target)
                part_of(target).unlink(missing_ok=True)  # of an earlier failure
            except BaseException as error:
                _keep(temporary, stream, target, error)
                with contextlib.suppress(OSError):  # what cannot be written, closing it would try again
                    stream.close()
                raise


def part_of(target: Path) -> Path:
    """Where the answers before a failure are kept."""
    return target.with_name(target.name + ".part")


def _keep(temporary: Path, stream: BinaryIO, target: Path, error: BaseException) -> None:
    with contextlib.suppress(OSError):
        stream.flush()
    with contextlib.suppress(OSError):
        if not temporary.stat().st_size:
            temporary.unlink()
            return
        temporary.replace(part_of(target))
        error.add_note(f"what was answered before is in {part_of(target)}")


def _exclusive(target: Path) -> tuple[Path, BinaryIO]:
    """An empty file beside `target` that this process alone writes to."""
    name = os.fsdecode(os.fsencode(target.name)[:_LONGEST_NAME])
    for number in range(1, WRITERS + 1):
        path = target.with_name(f".{name}.{number}.part")
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
            try:
                owned = _locked(descriptor, path)
            except BaseException:
                os.close(descriptor)
                raise
            if owned:
                os.ftruncate(descriptor, 0)
                return path, os.fdopen(descriptor, "wb")
            os.close(descriptor)
            if owned is False:
                break  # in use: the next number
    raise InputError(f"--output {target} is in use by {WRITERS} processes; wait for one, or name another output")


def _locked(descriptor: int, path: Path) -> bool | None:
    """Whether this process now owns the file; None where another renamed it between opening and locking it."""
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    try:
        return True if os.path.samestat(found, path.stat(follow_symlinks=False)) else None
    except FileNotFoundError:
        return None
