"""A temporary folder goes with its owner, however that ends."""

from __future__ import annotations

import importlib
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bert_calibration.owned_folder import owned_folder, scratch_folder


def test_a_folder_is_gone_at_the_end_and_what_was_renamed_stays(tmp_path: Path) -> None:
    with owned_folder(tmp_path, "own-", ".tmp") as made:
        (made / "a").mkdir()
    assert list(tmp_path.iterdir()) == []
    with owned_folder(tmp_path, "own-", ".tmp") as made:
        made.rename(tmp_path / "kept")
    assert list(tmp_path.iterdir()) == [tmp_path / "kept"]


def test_an_interrupt_right_after_the_folder_was_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Path.mkdir

    def interrupted(path: Path, mode: int = 0o777) -> None:
        make(path, mode)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "mkdir", interrupted)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(KeyboardInterrupt), scratch_folder():
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("function", ["os.open", "fcntl.flock"])
def test_a_folder_that_another_process_clears_before_its_lock_is_made_again(
    function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name = function.split(".")
    right: Callable[..., object] = getattr(importlib.import_module(module), name)
    cleared: list[Path] = []

    def late(*arguments: object, **named: object) -> object:
        if not cleared:
            cleared.extend(tmp_path.iterdir())
            cleared[0].rmdir()
        return right(*arguments, **named)

    monkeypatch.setattr(function, late)
    with owned_folder(tmp_path, "own-", ".tmp") as made:
        assert [made] == cleared == list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


def test_scratch_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder() as made:
        assert made.parent == tmp_path
        assert stat.S_IMODE(made.stat().st_mode) == stat.S_IRWXU


def test_what_killed_processes_left_is_cleared_and_what_a_living_one_makes_stays(tmp_path: Path) -> None:
    """The first process is killed, and the second one lives, each in the middle of writing."""
    program = (
        "import pathlib, sys, time\n"
        "from bert_calibration.owned_folder import owned_folder\n"
        "with owned_folder(pathlib.Path(sys.argv[1]), 'own-', '.tmp') as made:\n"
        "    (made / 'model.onnx').write_bytes(b'half')\n"
        "    print(made, flush=True)\n"
        "    time.sleep(60)\n"
    )
    folders, processes = list[Path](), list[subprocess.Popen[str]]()
    for _ in ("dead", "alive"):
        line = [sys.executable, "-c", program, str(tmp_path)]
        processes.append(subprocess.Popen(line, stdout=subprocess.PIPE, text=True))
        output = processes[-1].stdout
        assert output is not None
        folders.append(Path(output.readline().strip()))
    try:
        processes[0].kill()
        processes[0].wait()
        assert all((folder / "model.onnx").exists() for folder in folders)
        with owned_folder(tmp_path, "own-", ".tmp"):
            assert not folders[0].exists()
            assert (folders[1] / "model.onnx").exists()
    finally:
        processes[1].kill()
        processes[1].wait()
