"""Files that lie where their directory says: for an engine that opens no weights through the links of a hub cache."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path


@contextlib.contextmanager
def real_files(directory: Path, names: Sequence[str], keep: Path | None = None) -> Iterator[Path]:
    """A folder that holds these files of `directory` as files, for as long as an engine takes to open them.

    It is `directory` itself where none of them is a link. Otherwise they are linked hard, or copied from another file
    system, into a folder below `keep`, which stays and has the same path next time, or into a temporary one.
    """
    if not any((directory / name).is_symlink() for name in names):
        yield directory
    elif keep is not None:
        folder = keep / "graph"
        folder.mkdir(exist_ok=True)
        _place(directory, names, folder)
        yield folder
    else:
        with tempfile.TemporaryDirectory(prefix="bert-runtime-") as temporary:
            _place(directory, names, Path(temporary))
            yield Path(temporary)


def _place(directory: Path, names: Sequence[str], folder: Path) -> None:
    for name in names:
        file, place = (directory / name).resolve(), folder / name
        place.unlink(missing_ok=True)
        try:
            os.link(file, place)
        except OSError:  # another file system, or one without hard links
            shutil.copy2(file, place)
