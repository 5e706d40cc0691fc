"""An output file: it appears under its name when it is whole, and no two processes write into one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bert_runtime.cli.data.checkpoint import DIGITS, Checkpoint, Mark
from bert_runtime.cli.standard_streams import IS_OUTPUT, named
from bert_runtime.errors import InputError

WRITERS = 100
"""How many processes may write to one name at once."""

_LONGEST_NAME = 180
"""Bytes of a name that a temporary one repeats: file systems take 255."""

_OWN = re.compile(rf"(?:[0-9a-f]{{{DIGITS}}}\.)?[0-9]+")
"""What stands in a temporary name between that of the output and the suffix."""

Whole = Callable[[Path, Path], None]
"""Makes the second file, whole, from what was appended to the first."""


@dataclass(frozen=True)
class Journal:
    """What rows are appended to.

    Attributes:
        stream: at its end.
        path: the file's.
        checkpoint: where marks go; None where the run cannot be resumed.
        mark: what an earlier run left, which the stream holds; None for nothing.
    """

    stream: BinaryIO
    path: Path
    checkpoint: Checkpoint | None = None
    mark: Mark | None = None


@contextmanager
def written(
    path: str, standard: BinaryIO, *, key: str = "", resume: bool = False, whole: Whole | None = None
) -> Iterator[Journal]:
    """A stream to `path`, or `standard` where that is meant.

    A file is written under a temporary name beside it and renamed once it is whole. After a failure, what was written
    is in `part_of(path)`, and a note of the error says so. What a killed process left behind is written over, or with
    `resume` continued.

    Args:
        key: what names the run, where it can be resumed.
        whole: makes the file from what was appended, where that is not the file itself.

    Raises:
        InputError: WRITERS processes write to this name.
        OSError: the file cannot be written.
    """
    if path in IS_OUTPUT:
        yield Journal(standard, Path(path))
        return
    target = Path(path).resolve()
    with named(str(target)):
        if target.exists() and not target.is_file():  # a pipe or a device cannot be renamed
            with target.open("wb") as device:
                yield Journal(device, target)
            return
        journal = _journal(target, key, resume, whole is None)
        with journal.stream as stream:  # its lock lasts until it has its name
            try:
                yield journal
                stream.flush()
                _finish(journal.path, target, whole)
                part_of(target).unlink(missing_ok=True)  # of an earlier failure
                _forget(target)
            except BaseException as error:
                _keep(journal, target, whole, error)
                with contextlib.suppress(OSError):  # what cannot be written, closing it would try again
                    stream.close()
                raise


def part_of(target: Path) -> Path:
    """Where the answers before a failure are kept."""
    return target.with_name(target.name + ".part")


def checkpoints(target: Path) -> list[Path]:
    """The checkpoints of unfinished runs to this name."""
    return _leftovers(target, ".resume")


def _finish(appended: Path, target: Path, whole: Whole | None) -> None:
    if whole is None:
        appended.replace(target)
        return
    made = appended.with_name(appended.name + ".whole")
    try:
        whole(appended, made)
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)
    appended.unlink()


def _keep(journal: Journal, target: Path, whole: Whole | None, error: BaseException) -> None:
    """Leave what was answered in `part_of(target)`; where the run can be resumed, its checkpoint stays."""
    with contextlib.suppress(OSError):
        journal.stream.flush()
    with contextlib.suppress(Exception):  # what is written may end anywhere
        if not journal.path.stat().st_size:
            journal.path.unlink()
            return
        if whole is None:
            journal.path.replace(part_of(target))
        else:
            whole(journal.path, part_of(target))
            if journal.checkpoint is None or not journal.checkpoint.path.exists():
                journal.path.unlink()
        error.add_note(f"what was answered before is in {part_of(target)}")


def _forget(target: Path) -> None:
    """Remove what runs to this name have left that nobody continues: it is whole."""
    for path in _leftovers(target, ".part"):
        with contextlib.suppress(OSError), path.open("rb") as stream:
            fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    for path in _leftovers(target, ".resume"):
        if not path.with_suffix(".part").exists():
            path.unlink(missing_ok=True)


def _leftovers(target: Path, suffix: str) -> list[Path]:
    """The files of runs to this name, finished or not: `.NAME.1.part`, or `.NAME.<digest>.1.part`."""
    start = f".{_stem(target)}."
    found = [path for path in target.parent.glob(f".*{suffix}") if path.name.startswith(start)]
    return [path for path in found if _OWN.fullmatch(path.name.removeprefix(start).removesuffix(suffix))]


def _stem(target: Path) -> str:
    return os.fsdecode(os.fsencode(target.name)[:_LONGEST_NAME])


def _journal(target: Path, key: str, resume: bool, is_text: bool) -> Journal:
    """A file beside `target` that this process alone writes to: empty, or at what an earlier run has marked."""
    name = f".{_stem(target)}.{key}." if key else f".{_stem(target)}."
    for number in range(1, WRITERS + 1):
        path = target.with_name(f"{name}{number}.part")
        checkpoint = Checkpoint(path.with_suffix(".resume")) if key else None
        mark = checkpoint.read() if checkpoint is not None and resume else None
        if mark is not None and is_text and not path.exists() and part_of(target).is_file():
            part_of(target).replace(path)  # a failure that was no crash left it there
        descriptor = _owned(path)
        if descriptor is None:
            continue  # in use: the next number
        if mark is not None and os.fstat(descriptor).st_size < mark.bytes:
            mark = None
        os.ftruncate(descriptor, mark.bytes if mark else 0)
        if checkpoint is not None and mark is None:
            checkpoint.path.unlink(missing_ok=True)
        os.lseek(descriptor, 0, os.SEEK_END)
        return Journal(os.fdopen(descriptor, "r+b"), path, checkpoint, mark)
    raise InputError(f"--output {target} is in use by {WRITERS} processes; wait for one, or name another output")


def _owned(path: Path) -> int | None:
    """A descriptor of the file, which is made where it is missing; None where another process owns it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            owned = _locked(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        if owned:
            return descriptor
        os.close(descriptor)
        if owned is False:
            return None


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
