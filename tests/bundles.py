"""Bundles for tests, written without the exporter."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bert_runtime import bundle, manifest_json
from bert_runtime.manifest import FileRecord, Manifest


def write_bundle(output: Path, manifest: Manifest, files: Mapping[str, bytes | Path]) -> Path:
    """The directory `output`, made, with these files and a manifest that lists them; read back with every check."""
    output.mkdir(parents=True)
    contents = {name: file if isinstance(file, bytes) else file.read_bytes() for name, file in files.items()}
    for name, content in contents.items():
        (output / name).write_bytes(content)
    records = {name: FileRecord(len(each), hashlib.sha256(each).hexdigest()) for name, each in contents.items()}
    listed = dataclasses.replace(manifest, files=records)
    (output / manifest_json.NAME).write_bytes(manifest_json.render(listed))
    bundle.read(output)
    return output


def with_canaries(source: Path, output: Path, canaries: bytes, *stated: Mapping[str, Any]) -> Path:
    """A copy of a bundle with this `canaries.json`, and the bounds that its manifest states."""
    manifest = bundle.read(source).manifest
    files: dict[str, bytes | Path] = {name: source / name for name in manifest.files}
    verification = {**manifest.verification, "canaries": list(stated)}
    return write_bundle(
        output, dataclasses.replace(manifest, verification=verification), {**files, "canaries.json": canaries}
    )
