"""Writes a bundle whole or not at all: made in a temporary directory, read back with every check, then renamed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from bert_calibration.owned_folder import locked, owned_folder
from bert_export import card
from bert_export.errors import OptionError
from bert_runtime import bundle, format_words, manifest_json
from bert_runtime.errors import BundleError
from bert_runtime.manifest import FORMAT, Contents, FileRecord

MODEL_FILE = "model.onnx"
"""The first artefact's file: the name that other tools look for."""

PREFIX, PARTIAL, ASIDE = ".bert-export-", ".partial", ".old"
_CHUNK = 2**20
_ATTEMPTS = 10
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


def graph_file(target: str, first: bool) -> str:
    """What the file of an artefact's graph is called."""
    return MODEL_FILE if first else f"model.{target}.onnx"


def check_output(output: Path, force: bool) -> None:
    """Whether `write` may put a bundle at `output`: to be asked before an export that takes minutes.

    An empty directory counts as absent. With `force` a bundle is replaced, and nothing else is. A bundle that an export
    had moved aside when it was killed is put back first.

    Raises:
        OptionError: the place is taken, or is not one where a directory can be made.
    """
    _put_back(output.resolve())
    _check(output, force)


def _check(output: Path, force: bool) -> None:
    try:
        problem = _output_problem(output.resolve(), force)
    except OSError as error:
        problem = f"cannot be looked at: {error}"
    if problem:
        raise OptionError(f"{output}: {problem}, or name another output")


def write(output: Path, contents: Contents, files: Mapping[str, bytes | Path], force: bool = False) -> bundle.Bundle:
    """Write a bundle to `output` and return it, checked.

    Args:
        output: the bundle's directory; missing parents are made. What stands there is replaced as a whole, or stays.
        contents: what the manifest says beside the files' sizes and digests.
        files: name -> content, or the path of a file to copy.
        force: replace a bundle at `output`.

    Raises:
        OptionError: see `check_output`; or the file system refused, for example for want of space.
        BundleError: the result would break BUNDLE.md: a bug of the export, found before anybody else reads it.
    """
    check_output(output, force)
    path = output.resolve()
    try:
        with _parents(path), owned_folder(path.parent, PREFIX, PARTIAL) as made:
            records = {name: _write_file(made / name, source) for name, source in _checked(files).items()}
            _write_file(made / manifest_json.NAME, manifest_json.render(contents.listing(records)))
            _write_file(made / card.NAME, card.render(contents).encode())
            checked = bundle.read(made)
            _sync(made)
            _put(made, path, force)
            _sync(path.parent)
    except OSError as error:
        raise OptionError(f"{output}: {error}; free some space or name another output") from error
    return bundle.Bundle(path, checked.manifest)


def file_records(files: Mapping[str, bytes | Path]) -> dict[str, FileRecord]:
    """The sizes and digests that a manifest would list for these files."""
    return {name: _record(_chunks(source)) for name, source in files.items()}


def _output_problem(path: Path, force: bool) -> str | None:
    """Why no bundle may be put at `path`, and what to do about it."""
    if not path.exists():
        parent = next(folder for folder in path.parents if folder.exists())
        writable = parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)
        return None if writable else f"{parent} is no directory that can be written to; change that"
    if not path.is_dir():
        return "is a file, expected a directory or nothing; remove it"
    if not any(path.iterdir()):
        return None
    if not _is_bundle(path):
        return "is a directory that holds other things than a bundle, which is never replaced; remove it"
    return None if force else "is a bundle already; replace it with --force"


def _is_bundle(path: Path) -> bool:
    """Whether the directory was made by an export of any version, and holds no directories of anybody else's."""
    try:
        with (path / manifest_json.NAME).open("rb") as file:
            record = json.loads(file.read(manifest_json.MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return False
    is_ours = isinstance(record, dict) and record.get("format") == FORMAT
    return is_ours and not any(entry.is_dir() for entry in path.iterdir())


def _checked(files: Mapping[str, bytes | Path]) -> Mapping[str, bytes | Path]:
    """The same files, once no name can leave the directory that they are written to."""
    wrong = [name for name in files if not format_words.FILE_NAME.fullmatch(name)]
    if wrong:
        raise BundleError(f"the file names {wrong} break BUNDLE.md, expected {format_words.PLAIN_NAME}")
    return files


def _write_file(path: Path, source: bytes | Path) -> FileRecord:
    """Write through to the disk; the digest is that of the bytes that went there."""
    with path.open("xb") as file:
        found = _record(_written(_chunks(source), file))
        file.flush()
        os.fsync(file.fileno())
    return found


def _record(chunks: Iterable[bytes]) -> FileRecord:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return FileRecord(size, digest.hexdigest())


def _written(chunks: Iterable[bytes], file: BinaryIO) -> Iterator[bytes]:
    for chunk in chunks:
        file.write(chunk)
        yield chunk


def _chunks(source: bytes | Path) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
        return
    with source.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _put(made: Path, path: Path, force: bool) -> None:
    """Rename `made` to `path`. A rename onto a directory with content fails: of two exports at once, one wins."""
    for _ in range(_ATTEMPTS):
        try:
            made.rename(path)
            return
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
        _check(path, force)
        if _replaced(made, path):
            return
    raise OptionError(f"{path}: other exports keep writing to this place; let them finish, or name another output")


def _replaced(made: Path, path: Path) -> bool:
    """Move the old bundle aside, `made` in, and delete the old one; false if another export came in between.

    Whatever fails, the old bundle or the new one stands at `path`; a reader sees neither for the time of one rename.
    """
    aside = path.with_name(f"{_mark(path)}{secrets.token_hex(4)}{ASIDE}")
    try:
        with locked(path, wait=True):
            path.rename(aside)
            made.rename(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            aside.rename(path)
        if isinstance(error, OSError) and error.errno in (*_TAKEN, errno.ENOENT):
            return False
        raise
    finally:
        if path.exists():
            shutil.rmtree(aside, ignore_errors=True)
    return True


def _mark(path: Path) -> str:
    """What the names of folders begin with that stood at `path`."""
    return f"{PREFIX}{hashlib.sha256(path.name.encode(errors='surrogateescape')).hexdigest()[:16]}-"


def _put_back(path: Path) -> None:
    """What an export moved aside before it was killed: back to where it stood, or away if another stands there."""
    for aside in path.parent.glob(f"{_mark(path)}*{ASIDE}"):
        with contextlib.suppress(OSError), locked(aside, wait=False):
            if path.exists():
                shutil.rmtree(aside, ignore_errors=True)
            else:
                aside.rename(path)


@contextlib.contextmanager
def _parents(path: Path) -> Iterator[None]:
    """Make the missing folders above `path`; take them away again if what follows fails."""
    missing = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def _sync(folder: Path) -> None:
    """Make the directory's entries last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
