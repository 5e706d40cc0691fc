"""Packages with data, made in the test: nothing is downloaded."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from training.registry import Package

Pack = Callable[[str, Mapping[str, str]], Package]


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pack:
    """A function that puts an archive with these members into the cache, where a download would have put it."""
    monkeypatch.setenv("BERT_EXPORT_CACHE", str(tmp_path))

    def make(archive: str, members: Mapping[str, str]) -> Package:
        path = tmp_path / archive
        if archive.endswith(".whl"):
            with zipfile.ZipFile(path, "w") as wheel:
                for name, text in members.items():
                    wheel.writestr(name, text)
        else:
            with tarfile.open(path, "w:gz") as tar:
                for name, text in members.items():
                    entry = tarfile.TarInfo(name)
                    entry.size = len(text.encode())
                    tar.addfile(entry, io.BytesIO(text.encode()))
        return Package("data==1.0", archive, hashlib.sha256(path.read_bytes()).hexdigest())

    return make
