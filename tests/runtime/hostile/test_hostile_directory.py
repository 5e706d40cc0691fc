"""Rules about the directory and its files: links, pipes, sizes, digests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.snapshots import as_snapshot

from bert_runtime import bundle
from bert_runtime.errors import BundleError

Refused = Callable[[int], str]
Edit = Callable[[Callable[[dict[str, Any]], object]], None]
NAMES = ["manifest.json", "model.onnx", "tokenizer.json", "config.json"]
RULE_OF = {"manifest.json": 2}


def test_rule_01_a_path_that_is_not_there_is_refused(good: Path, refused: Refused) -> None:
    shutil.rmtree(good)

    assert "does not exist" in refused(1)


def test_rule_01_a_file_in_place_of_the_directory_is_refused(good: Path, refused: Refused) -> None:
    shutil.rmtree(good)
    good.write_bytes(b"PK\x03\x04")

    assert "is no directory" in refused(1)


@pytest.mark.parametrize("name", NAMES)
def test_rule_02_and_24_a_missing_file_is_refused(name: str, good: Path, refused: Refused) -> None:
    (good / name).unlink()

    assert f"{name} is missing" in refused(RULE_OF.get(name, 24))


@pytest.mark.parametrize("name", NAMES)
def test_rule_02_and_24_a_link_that_leaves_the_directory_is_refused(
    name: str, good: Path, tmp_path: Path, refused: Refused
) -> None:
    (good / name).rename(tmp_path / name)
    (good / name).symlink_to(Path("..") / name)

    assert f"{name} is a link that leaves the directory" in refused(RULE_OF.get(name, 24))


@pytest.mark.parametrize("name", NAMES)
def test_rule_02_and_24_a_directory_in_place_of_a_file_is_refused(name: str, good: Path, refused: Refused) -> None:
    (good / name).unlink()
    (good / name).mkdir()

    assert f"{name} is no regular file" in refused(RULE_OF.get(name, 24))


@pytest.mark.parametrize("name", NAMES)
def test_rule_02_and_24_a_pipe_is_refused_and_not_waited_for(name: str, good: Path, refused: Refused) -> None:
    (good / name).unlink()
    os.mkfifo(good / name)

    assert f"{name} is no regular file" in refused(RULE_OF.get(name, 24))


@pytest.mark.parametrize("name", NAMES)
def test_rule_02_and_24_links_that_go_round_are_refused(name: str, good: Path, refused: Refused) -> None:
    (good / name).unlink()
    (good / name).symlink_to(name)

    assert f"{name} is missing or cannot be reached" in refused(RULE_OF.get(name, 24))


def test_rule_03_a_manifest_of_more_than_16_mib_is_refused(good: Path, refused: Refused) -> None:
    with (good / "manifest.json").open("ab") as file:
        file.truncate(2**30)

    refused(3)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "config.json"])
def test_rule_25_a_file_of_another_size_is_refused(name: str, good: Path, refused: Refused) -> None:
    with (good / name).open("ab") as file:
        file.write(b"\n")

    assert f"{name} has" in refused(25)


@pytest.mark.parametrize("size", [64 * 2**20 + 1, 2**40])
def test_rule_25_a_sparse_file_that_nothing_names_is_not_hashed(
    size: int, good: Path, edit: Edit, refused: Refused
) -> None:
    with (good / "more.bin").open("wb") as file:
        file.truncate(size)
    edit(lambda manifest: manifest["files"].update({"more.bin": {"size": size, "sha256": "0" * 64}}))

    assert f"more.bin has {size} bytes, expected at most 67108864" in refused(25)


def test_rule_25_sparse_external_data_is_not_hashed(good: Path, edit: Edit, refused: Refused) -> None:
    def two(manifest: dict[str, Any]) -> None:
        manifest["files"] |= {name: {"size": 9 * 2**30, "sha256": "0" * 64} for name in ("a.data", "b.data")}
        manifest["artefacts"][0]["data"] = ["a.data", "b.data"]

    for name in ("a.data", "b.data"):
        with (good / name).open("wb") as file:
            file.truncate(9 * 2**30)
    edit(two)

    assert "files: together more than 17179869184 bytes" in refused(25)


def test_rule_13_a_flood_of_artefacts_is_counted_and_not_told_one_by_one(edit: Edit, refused: Refused) -> None:
    edit(lambda manifest: manifest.update(artefacts=[{}] * 300_000))
    assert len(refused(13)) < 10_000


def test_rule_13_a_flood_of_files_is_counted_and_not_looked_for(edit: Edit, refused: Refused) -> None:
    record = {"size": 1, "sha256": "0" * 64}
    edit(lambda manifest: manifest["files"].update({f"f{i}": record for i in range(80_000)}))
    assert "files has 80004 entries, expected at most 1024" in refused(13)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "config.json"])
def test_rule_26_a_file_with_one_bit_changed_is_refused(name: str, good: Path, refused: Refused) -> None:
    content = bytearray((good / name).read_bytes())
    content[len(content) // 2] ^= 1
    (good / name).write_bytes(content)

    assert f"{name} has the digest" in refused(26)


def test_all_missing_and_changed_files_come_in_one_error(good: Path) -> None:
    (good / "config.json").unlink()
    (good / "tokenizer.json").write_bytes(b"{}")
    with pytest.raises(BundleError, match="config\\.json is missing") as caught:
        bundle.read(good)

    assert "tokenizer.json has 2 bytes" in str(caught.value)


def test_a_link_that_stays_inside_is_a_file_like_any_other(good: Path) -> None:
    (good / "model.onnx").rename(good / "blob")
    (good / "model.onnx").symlink_to("blob")

    assert bundle.read(good).manifest.artefacts[0].file == "model.onnx"


@pytest.fixture
def snapshot(good: Path, tmp_path: Path) -> Path:
    """The copy in a hub cache."""
    return as_snapshot(good, tmp_path / "hub" / "models--org--name" / "snapshots" / "0123abcd")


@pytest.mark.parametrize("folder", [".", "onnx"])
def test_a_snapshot_in_a_hub_cache_is_read(folder: str, good: Path, tmp_path: Path) -> None:
    revision = tmp_path / "hub" / "models--org--name" / "snapshots" / "0123abcd"

    assert bundle.read(as_snapshot(good, revision / folder)).manifest.task == "text-classification"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "target",
    [
        "../../../models--org--other/blobs/x",
        "/etc/passwd",
        "../../blobs/chain",
        "../../blobs/deep/x",
        "../../refs/main",
        "../other/manifest.json",
    ],
)
def test_rule_02_and_24_a_snapshot_may_link_to_its_own_blobs_alone(name: str, target: str, snapshot: Path) -> None:
    hub = snapshot.parents[2]
    blobs = snapshot.parents[1] / "blobs"
    content = (snapshot / name).read_bytes()
    for place in (
        hub / "models--org--other" / "blobs" / "x",
        blobs / "deep" / "x",
        snapshot.parents[1] / "refs" / "main",
        snapshot.parent / "other" / "manifest.json",
    ):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    (blobs / "chain").symlink_to("../../models--org--other/blobs/x")
    (snapshot / name).unlink()
    (snapshot / name).symlink_to(target)
    with pytest.raises(BundleError, match=f"{name} is a link that leaves the directory"):
        bundle.read(snapshot)


@pytest.mark.parametrize("place", ["blobs is a link", "no snapshots", "no blobs"])
def test_what_is_no_hub_cache_may_link_nowhere_outside(place: str, snapshot: Path) -> None:
    repository = snapshot.parents[1]
    if place == "no snapshots":
        (repository / "snapshots").rename(repository / "versions")
        snapshot = repository / "versions" / snapshot.name
    else:
        (repository / "blobs").rename(repository.parent / "elsewhere")
        if place == "blobs is a link":
            (repository / "blobs").symlink_to("../elsewhere")
        else:
            for file in snapshot.iterdir():
                link = Path("..", "..", "..", "elsewhere", file.readlink().name)
                file.unlink()
                file.symlink_to(link)
    with pytest.raises(BundleError, match="is a link that leaves the directory"):
        bundle.read(snapshot)


def test_a_link_to_the_whole_bundle_is_read_where_it_points(good: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(good)

    assert bundle.read(tmp_path / "link").directory == good.resolve()


def test_files_that_the_manifest_does_not_list_are_left_alone(good: Path) -> None:
    (good / "README.md").write_text("A bundle.", encoding="utf-8")
    (good / "passwords").symlink_to("/etc/passwd")
    os.mkfifo(good / "pipe")

    assert "README.md" not in bundle.read(good).manifest.files


@pytest.mark.parametrize("key", ["provenance", "verification", "quality"])
def test_reports_may_hold_anything(
    key: str, good: Path, edit: Callable[[Callable[[dict[str, Any]], object]], None]
) -> None:
    edit(lambda manifest: manifest.update({key: {"new": [1, None, {"deep": "é"}]}}))

    assert getattr(bundle.read(good).manifest, key) == {"new": [1, None, {"deep": "é"}]}
