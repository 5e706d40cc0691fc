"""A bundle directory: every rule of BUNDLE.md is checked before a byte of it reaches a tokenizer or an engine."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert_runtime import manifest_json, onnx_file
from bert_runtime.errors import BertError, BundleError, Problem, prefixed, within
from bert_runtime.graph_signature import graph_problems
from bert_runtime.manifest import FileRecord, Manifest
from bert_runtime.manifest_json import NAME, raise_problems
from bert_runtime.onnx_file import OnnxFile
from bert_runtime.signature import task_problems
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import Task

MAX_TOKENIZER_BYTES = 256 * 2**20
MAX_OTHER_BYTES = 64 * 2**20
"""A file that neither an artefact nor the tokenizer names: reports, canaries, what other tools read."""
MAX_BUNDLE_BYTES = 16 * 2**30
"""All files together: several times the largest encoder of these families. More would take minutes to hash."""


@dataclass(frozen=True)
class Bundle:
    """A checked bundle: its directory, resolved, and its manifest."""

    directory: Path
    manifest: Manifest


def read(path: Path) -> Bundle:
    """Check the bundle at `path` and return it.

    Digests are always checked: hashing takes less than a second for a gigabyte, and an engine longer to load it.

    Raises:
        BundleError: what breaks BUNDLE.md; all problems of the first of these that has any: the manifest alone, the
            manifest against its task and the files' sizes, the digests, the graphs.
    """
    directory = _directory(path)
    manifest = manifest_json.parse(_manifest_bytes(directory))
    problems = [*task_problems(manifest, _task(manifest.task)), *_limit_problems(manifest)]
    problems += [
        problem for name, record in manifest.files.items() for problem in _file_problems(directory, name, record)
    ]
    raise_problems(problems, NAME)
    raise_problems(
        [problem for name in manifest.files for problem in _digest_problems(directory, manifest, name)], NAME
    )
    files = {graph.file for artefact in manifest.artefacts for graph in artefact.graphs}
    graphs = {name: onnx_file.read(directory / name) for name in sorted(files)}
    raise_problems(list(_graph_problems(manifest, graphs)), NAME)
    return Bundle(directory, manifest)


def _directory(path: Path) -> Path:
    if not path.is_dir():
        what = "is no directory" if path.exists() else "does not exist"
        raise BundleError(
            Problem(
                "not-a-bundle", "", f"{path}: {what}, expected the directory of a bundle; make one with bert-export"
            )
        )
    return path.resolve()


def _is_checkpoint(directory: Path) -> bool:
    """Whether it looks like what save_pretrained writes: a bundle that lost its manifest still has its graphs."""
    has_manifest = os.path.lexists(directory / NAME)
    return not has_manifest and (directory / "config.json").is_file() and not any(directory.glob("*.onnx"))


def _manifest_bytes(directory: Path) -> bytes:
    try:
        _regular_file(directory, NAME)
    except BundleError as error:
        if _is_checkpoint(directory):
            raise BundleError(
                Problem(
                    "checkpoint",
                    "",
                    f"{directory}: a checkpoint, expected a bundle; make one first: "
                    f"`bert-export --model {directory} --output BUNDLE`",
                )
            ) from error
        raise BundleError(within(f"{directory}: {error}; name the directory that bert-export wrote", error)) from error
    try:
        with (directory / NAME).open("rb") as file:
            return file.read(manifest_json.MAX_BYTES + 1)
    except OSError as error:
        raise BundleError(
            Problem("unreadable", NAME, f"{directory / NAME}: {error.strerror}; make the file readable")
        ) from error


def _task(name: str) -> Task[Any, Any, Any]:
    try:
        task = find_task(name)
    except BertError as error:
        raise BundleError(within(f"{NAME}: task: {error}", error)) from error
    if task.name != name:
        raise BundleError(
            Problem("unknown-task", "task", f"{NAME}: task: {name!r} is an alias for the hand, expected {task.name!r}")
        )
    return task


def _limit_problems(manifest: Manifest) -> Iterator[str]:
    """Files that would be too large to read, whatever they hold."""
    limits = dict.fromkeys(manifest.files, MAX_OTHER_BYTES)
    limits |= {name: MAX_BUNDLE_BYTES for artefact in manifest.artefacts for name in artefact.files}
    limits |= {graph.file: onnx_file.MAX_BYTES for artefact in manifest.artefacts for graph in artefact.graphs}
    limits[manifest.tokenizer.file] = MAX_TOKENIZER_BYTES
    for name, limit in limits.items():
        if manifest.files[name].size > limit:
            yield Problem(
                "too-large", name, f"files: {name} has {manifest.files[name].size} bytes, expected at most {limit}"
            )
    total = sum(record.size for record in manifest.files.values())
    if total > MAX_BUNDLE_BYTES:
        yield Problem("too-large", "files", f"files: together more than {MAX_BUNDLE_BYTES} bytes")


def _file_problems(directory: Path, name: str, record: FileRecord) -> Iterator[str]:
    try:
        size = _regular_file(directory, name)
    except BundleError as error:
        yield within(f"files: {error}", error)
        return
    if size != record.size:
        yield Problem("wrong-size", name, f"files: {name} has {size} bytes, expected {record.size}")


def _regular_file(directory: Path, name: str) -> int:
    """The size of a regular file inside the directory, or in the hub cache that it belongs to; nothing is opened, for a
    pipe would block.

    Raises:
        BundleError: it is missing, something else, or a link to a place outside.
    """
    path = directory / name
    try:
        status = path.stat()
        found = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that go round in a circle
        raise BundleError(
            Problem("missing-file", name, f"{name} is missing or cannot be reached, expected a file of the bundle")
        ) from error
    blobs = hub_blobs(directory)
    if not found.is_relative_to(directory) and not (blobs is not None and found.parent == blobs):
        raise BundleError(
            Problem(
                "unsafe-file",
                name,
                f"{name} is a link that leaves the directory, expected a file inside: copy it with `cp -rL`",
            )
        )
    if not stat.S_ISREG(status.st_mode):
        raise BundleError(Problem("unsafe-file", name, f"{name} is no regular file, expected one"))
    return status.st_size


def hub_blobs(directory: Path) -> Path | None:
    """Where the files of a snapshot in a hub cache lie: `blobs`, a real folder beside the `snapshots` that holds
    `directory`, which is resolved; None of any other directory."""
    snapshots = next((parent for parent in directory.parents if parent.name == "snapshots"), None)
    if snapshots is None:
        return None
    blobs = snapshots.parent / "blobs"
    return blobs if blobs.is_dir() and not blobs.is_symlink() else None


def _digest_problems(directory: Path, manifest: Manifest, name: str) -> Iterator[str]:
    expected = manifest.files[name].sha256
    try:
        with (directory / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        yield Problem("unreadable", name, f"files: {name}: {error.strerror}, expected a readable file")
        return
    if found != expected:
        yield Problem(
            "wrong-digest", name, f"files: {name} has the digest {found}, expected {expected}: the file was changed"
        )


def _graph_problems(manifest: Manifest, graphs: dict[str, OnnxFile]) -> Iterator[str]:
    for artefact in manifest.artefacts:
        for graph in artefact.graphs:
            for problem in graph_problems(artefact, graph, graphs[graph.file], manifest):
                yield prefixed(f"{graph.file}: ", problem)
