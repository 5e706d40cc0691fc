"""A bundle is written whole or not at all, and nothing but a bundle is ever replaced."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bert_export import bundle_writer, card
from bert_export.bundle_writer import check_output, write
from bert_export.errors import OptionError
from bert_runtime import bundle
from bert_runtime.errors import BundleError
from bert_runtime.manifest import Manifest

GOLDEN = Path(__file__).parents[1] / "golden" / "v1" / "text-classification"
MANIFEST = bundle.read(GOLDEN).manifest
FILES: dict[str, bytes | Path] = {name: GOLDEN / name for name in MANIFEST.files}
CHANGED = dataclasses.replace(MANIFEST, provenance={"who": "somebody else"})


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Path]:
    """Where bundles go; whatever a test did, no temporary directory may be left beside it."""
    yield tmp_path / "out"
    assert [path.name for path in tmp_path.rglob(".*")] == []


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_was_written_reads_and_has_the_sizes_and_digests_of_its_files(output: Path) -> None:
    written = write(output, dataclasses.replace(MANIFEST, files={}), FILES)

    assert written == bundle.read(output)
    assert written.manifest.files == MANIFEST.files


def test_the_same_bundle_twice_is_the_same_bytes(output: Path) -> None:
    write(output / "a", MANIFEST, FILES)
    write(output / "b", MANIFEST, dict(reversed([(name, (GOLDEN / name).read_bytes()) for name in FILES])))

    assert _contents(output / "a") == _contents(output / "b")
    assert _contents(output / "a") == {**_contents(GOLDEN), card.NAME: card.render(MANIFEST).encode()}


def test_missing_parents_are_made_and_an_empty_directory_is_taken(output: Path) -> None:
    (output / "empty").mkdir(parents=True)
    write(output / "x" / "y", MANIFEST, FILES)
    write(output / "empty", MANIFEST, FILES)

    assert bundle.read(output / "x" / "y").manifest == bundle.read(output / "empty").manifest


def test_others_may_read_the_bundle_as_far_as_the_umask_lets_them(output: Path) -> None:
    before = os.umask(0o022)
    try:
        write(output, MANIFEST, FILES)
    finally:
        os.umask(before)

    assert output.stat().st_mode & 0o777 == 0o755


def test_an_existing_bundle_is_kept_without_force_and_replaced_with_it(output: Path) -> None:
    write(output, MANIFEST, FILES)
    (output / "notes.txt").write_text("old", encoding="utf-8")
    with pytest.raises(OptionError, match="is a bundle already; replace it with --force"):
        write(output, CHANGED, FILES)

    assert bundle.read(output).manifest == MANIFEST
    write(output, CHANGED, FILES, force=True)
    assert bundle.read(output).manifest == CHANGED
    assert not (output / "notes.txt").exists()


def test_a_broken_bundle_can_be_replaced(output: Path) -> None:
    shutil.copytree(GOLDEN, output)
    (output / "model.onnx").unlink()

    assert write(output, MANIFEST, FILES, force=True) == bundle.read(output)


def _holding(name: str, content: str) -> Callable[[Path], None]:
    def make(output: Path) -> None:
        output.mkdir()
        (output / name).write_text(content, encoding="utf-8")

    return make


def _bundle_with_a_folder(output: Path) -> None:
    shutil.copytree(GOLDEN, output)
    (output / "results").mkdir()


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        _holding("thesis.tex", "years of work"),
        _holding("manifest.json", '{"name": "a browser extension"}'),
        _holding("manifest.json", '["bert-export-bundle"]'),
        _holding("manifest.json", "[" * 100_000),
        _bundle_with_a_folder,
    ],
    ids=["a file", "another manifest", "a list", "a depth bomb", "a bundle with a folder"],
)
def test_a_directory_of_other_things_is_never_replaced(make: Callable[[Path], None], force: bool, output: Path) -> None:
    make(output)
    before = sorted(output.iterdir())
    with pytest.raises(OptionError, match="holds other things than a bundle"):
        write(output, MANIFEST, FILES, force=force)

    assert sorted(output.iterdir()) == before


@pytest.mark.parametrize("force", [False, True])
def test_a_file_is_never_replaced(force: bool, output: Path) -> None:
    output.write_text("a file", encoding="utf-8")
    for path in (output, output / "below"):
        with pytest.raises(OptionError, match=r"is a file|is no directory"):
            check_output(path, force)
        with pytest.raises(OptionError, match=r"is a file|is no directory"):
            write(path, MANIFEST, FILES, force=force)

    assert output.read_text(encoding="utf-8") == "a file"


def test_a_link_to_a_bundle_stays_a_link_and_its_target_is_replaced(output: Path, tmp_path: Path) -> None:
    write(output, MANIFEST, FILES)
    (tmp_path / "link").symlink_to(output)
    write(tmp_path / "link", CHANGED, FILES, force=True)

    assert (tmp_path / "link").is_symlink()
    assert bundle.read(output).manifest == CHANGED


@pytest.mark.parametrize("name", ["../escaped", "/tmp/escaped", "sub/file", "..", ".hidden"])
def test_no_file_is_written_outside_the_bundle(name: str, output: Path) -> None:
    with pytest.raises(BundleError, match="a plain file name"):
        write(output / "bundle", MANIFEST, {**FILES, name: b"x"})

    assert not output.exists()


def test_a_bundle_that_no_runtime_would_read_is_not_written(output: Path) -> None:
    wrong = dataclasses.replace(MANIFEST, sizes={"labels": 7})
    with pytest.raises(BundleError, match=r"expected sizes\.labels of them: 7"):
        write(output / "a" / "b", wrong, FILES)

    assert not output.exists()


@pytest.mark.parametrize("force", [False, True])
def test_a_full_disk_leaves_the_old_bundle_or_nothing(force: bool, output: Path) -> None:
    if force:
        write(output, MANIFEST, FILES)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(OptionError, match="free some space"):
            write(output, CHANGED, FILES, force=force)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert output.exists() == force
    assert not force or bundle.read(output).manifest == MANIFEST


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), OSError(5, "Input/output error")])
@pytest.mark.parametrize("step", [0, 1, 2])
def test_an_interruption_at_any_rename_leaves_one_whole_bundle(
    error: BaseException, step: int, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(output, MANIFEST, FILES)
    rename, calls = Path.rename, iter(range(100))

    def interrupted(self: Path, target: Path) -> Path:
        if next(calls) == step:
            raise error
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupted)
        with pytest.raises((KeyboardInterrupt, SystemExit, OptionError)):
            write(output, CHANGED, FILES, force=True)

    assert bundle.read(output).manifest == MANIFEST


def _race(output: Path, manifest: Manifest, force: bool, start: multiprocessing.synchronize.Barrier) -> None:
    start.wait()
    for _ in range(10 if force else 1):
        write(output, manifest, FILES, force=force)


@pytest.mark.parametrize("force", [False, True])
def test_of_two_exports_to_one_place_one_wins_and_nothing_is_mixed(force: bool, output: Path) -> None:
    context = multiprocessing.get_context("fork")
    start = context.Barrier(2)
    pair = [context.Process(target=_race, args=(output, made, force, start)) for made in (MANIFEST, CHANGED)]
    for process in pair:
        process.start()
    for process in pair:
        process.join(60)

    assert bundle.read(output).manifest in (MANIFEST, CHANGED)
    assert sorted(process.exitcode or 0 for process in pair) == ([0, 0] if force else [0, 1])


def test_an_output_can_be_checked_before_anything_is_computed(output: Path) -> None:
    check_output(output, force=False)
    check_output(output / "deep" / "er", force=False)

    assert not output.exists()
    shutil.copytree(GOLDEN, output)
    check_output(output, force=True)
    with pytest.raises(OptionError, match="replace it with --force"):
        check_output(output, force=False)


def test_the_manifest_on_disk_is_sorted_and_ends_with_a_newline(output: Path) -> None:
    write(output, MANIFEST, FILES)
    content = (output / "manifest.json").read_text(encoding="utf-8")

    assert content == json.dumps(json.loads(content), sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def _killed_between_the_renames(output: Path) -> None:
    """A process that dies when it has moved the old bundle aside, and before it moves the new one in."""
    rename = Path.rename

    def dying(path: Path, target: Path) -> Path:
        if path.name.endswith(bundle_writer.PARTIAL) and not target.exists():
            os._exit(9)
        return rename(path, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", dying)
        write(output, CHANGED, FILES, force=True)


@pytest.mark.parametrize("force", [False, True])
def test_a_bundle_that_a_killed_export_moved_aside_is_put_back_by_the_next(force: bool, output: Path) -> None:
    write(output, MANIFEST, FILES)
    killed = multiprocessing.get_context("fork").Process(target=_killed_between_the_renames, args=(output,))
    killed.start()
    killed.join()
    assert killed.exitcode == 9
    assert not output.exists()

    if force:
        write(output, CHANGED, FILES, force=True)
    else:
        with pytest.raises(OptionError, match="is a bundle already"):
            write(output, CHANGED, FILES)
    assert bundle.read(output).manifest.provenance == (CHANGED if force else MANIFEST).provenance
    if not force:  # what the killed process had made goes with the next one that writes
        write(output.parent / "other", MANIFEST, FILES)


def test_what_stood_at_another_place_is_left_alone(output: Path) -> None:
    write(output, MANIFEST, FILES)
    aside = output.with_name(f"{bundle_writer._mark(output)}0{bundle_writer.ASIDE}")
    output.rename(aside)
    write(output.with_name("other"), MANIFEST, FILES)
    assert aside.exists()
    check_output(output, force=True)
    assert output.exists()
