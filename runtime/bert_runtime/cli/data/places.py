"""Where data lies: standard streams, files, folders, globs, and what fsspec reaches."""

from __future__ import annotations

import contextlib
import glob
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from bert_runtime.cli.data.formats import is_data_file
from bert_runtime.cli.standard_streams import standard_input
from bert_runtime.errors import InputError
from bert_runtime.table.extras import fsspec, missing_extra

STANDARD = "-"
"""The path of a standard stream."""


@dataclass(frozen=True)
class Place:
    """A file to read: a path, a URL that fsspec reads, or `-`."""

    path: str

    @property
    def is_remote(self) -> bool:
        """Whether fsspec reads it."""
        return is_remote(self.path)

    @property
    def name(self) -> str:
        """What errors call it."""
        return "standard input" if self.path == STANDARD else self.path

    @property
    def is_whole(self) -> bool:
        """Whether all that will be read is there already, as it is not in a pipe or a terminal."""
        if self.is_remote:
            return True
        try:
            mode = (os.fstat(0) if self.path == STANDARD else Path(self.path).stat()).st_mode
        except OSError:  # a stand-in for a standard stream, or a missing file, which opening will name
            return True
        return stat.S_ISREG(mode)

    def size(self) -> int | None:
        """Bytes; None where nobody knows."""
        if self.path == STANDARD or not self.is_whole:
            return None
        if self.is_remote:
            system, path = filesystem(self.path)
            found = system.size(path)
            return None if found is None else int(found)
        return Path(self.path).stat().st_size

    def version(self) -> str:
        """What changes when the file does."""
        if self.is_remote:
            system, path = filesystem(self.path)
            return str(system.ukey(path))
        found = Path(self.path).stat()
        return f"{found.st_size} {found.st_mtime_ns}"

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Its bytes, as they lie there."""
        if self.path == STANDARD:
            yield standard_input()
        elif self.is_remote:
            system, path = filesystem(self.path)
            with system.open(path, "rb") as stream:
                yield cast(BinaryIO, stream)
        else:
            with Path(self.path).open("rb") as stream:
                yield stream


def is_remote(path: str) -> bool:
    """Whether fsspec is to reach it."""
    return "://" in path


def filesystem(url: str) -> tuple[Any, str]:
    """fsspec's file system for a URL, and the path in it.

    Raises:
        InputError: fsspec or the package for this protocol is missing, or there is no such protocol.
    """
    protocol = url.partition("://")[0]
    try:
        system, path = fsspec().core.url_to_fs(url)
    except ImportError as error:
        raise missing_extra(protocol, error) from error
    except ValueError as error:
        raise InputError(f"{url}: {error}; expected a path, or s3://, gs:// or hf://") from error
    return system, str(path)


def find_places(path: str) -> tuple[Place, ...]:
    """The files that `--input` names, in the order of their names: one, those of a folder, or those of a glob.

    Raises:
        InputError: there are none.
    """
    if path == STANDARD:
        return (Place(path),)
    found = _remote(path) if is_remote(path) else _local(path)
    if not found:
        raise InputError(f"--input {path} holds no data files, expected some by their extensions, as *.jsonl")
    return tuple(Place(each) for each in found)


def _local(path: str) -> list[str]:
    if os.path.isdir(path):  # noqa: PTH112 - the path stays as it was written
        below = sorted(each for each in Path(path).rglob("*") if each.is_file())
        return [str(each) for each in below if is_data_file(each.name) and not _is_hidden(each.relative_to(path))]
    if os.path.exists(path):  # noqa: PTH110
        return [path]
    if glob.has_magic(path):
        return sorted(each for each in glob.glob(path, recursive=True) if os.path.isfile(each))  # noqa: PTH113, PTH207
    raise InputError(f"--input {path} does not exist, expected a file, a folder or a glob, or - for standard input")


def _is_hidden(path: Path) -> bool:
    """As engines leave such files beside their parts: `_SUCCESS`, `.crc`."""
    return any(part.startswith((".", "_")) for part in path.parts)


def _remote(url: str) -> list[str]:
    system, path = filesystem(url)
    try:
        if glob.has_magic(path):
            found = sorted(system.glob(path))
        elif system.isdir(path):
            found = [each for each in sorted(system.find(path)) if is_data_file(each)]
        else:
            system.info(path)
            found = [path]
    except FileNotFoundError as error:
        raise InputError(f"--input {url} does not exist, expected a file, a folder or a glob") from error
    return [str(system.unstrip_protocol(each)) for each in found]


@contextmanager
def named_errors(place: Place) -> Iterator[None]:
    """An error of a remote store that is no OSError names its file."""
    try:
        yield
    except (InputError, OSError):
        raise
    except Exception as error:
        if not place.is_remote:
            raise
        raise InputError(f"{place.path}: {type(error).__name__}: {error}") from error


def upload(source: Path, url: str) -> None:
    """Put a local file under a URL; it appears there once it is whole."""
    system, path = filesystem(url)
    with contextlib.suppress(Exception):  # an object store has no folders
        system.makedirs(system._parent(path), exist_ok=True)
    system.put_file(str(source), path)
