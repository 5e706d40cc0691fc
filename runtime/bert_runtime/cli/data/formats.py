"""The formats of data files and how they are packed, by the extension of a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from bert_runtime.errors import InputError

FORMATS: Mapping[str, tuple[str, ...]] = {
    "jsonl": (".jsonl", ".ndjson"),
    "csv": (".csv",),
    "tsv": (".tsv", ".tab"),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".feather", ".ipc"),
}
"""Each format's file extensions."""

COMPRESSIONS: Mapping[str, str] = {".gz": "gzip", ".zst": "zstd"}
"""What a text may be packed with, by the extension after its own."""

TEXT = frozenset({"jsonl", "csv", "tsv"})
"""The formats that are lines of text; the others are read and written with pyarrow."""

OBJECTS = frozenset({"jsonl"})
"""The formats whose rows hold the task's own JSON unless a flag names columns; those of the others are flat."""

CELLS = frozenset({"csv"})
"""The formats that hold the task's own JSON in their cells where it is asked for by `--with-input`."""

_HINTS = {
    ".xlsx": "; save it as CSV in UTF-8",
    ".json": "; write one object a line, as `jq -c '.[]'` does",
    **dict.fromkeys((".bz2", ".xz", ".zip"), "; unpack it first, or pack it with gzip or zstd"),
}


@dataclass(frozen=True)
class Format:
    """What a file holds, and what it is packed with; "" for nothing."""

    name: str
    compression: str = ""


def format_of(path: str, named: str | None = None) -> Format:
    """The format of a path: `named`, or what its extension says; `-`, a standard stream, is JSON Lines.

    Raises:
        InputError: an unknown extension, or a packed file of a format that packs its own pages.
    """
    name = PurePosixPath(path).name.lower()
    stem, _, last = name.rpartition(".")
    compression = COMPRESSIONS.get(f".{last}", "") if stem else ""
    suffix = PurePosixPath(stem if compression else name).suffix
    found = named or next((key for key, suffixes in FORMATS.items() if suffix in suffixes), None)
    if found is None and path == "-":
        return Format("jsonl")
    if found is None:
        known = ", ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)
        packed = f" before .{last}" if compression else ""
        hint = _HINTS.get(suffix, "")
        raise InputError(
            f"{path}: the extension{packed} is {suffix or 'missing'}, expected {known}{hint}, or name the format"
        )
    if compression and found not in TEXT:
        raise InputError(
            f"{path}: {found} inside .{last}, expected {found} alone: it packs its own pages; drop the .{last}"
        )
    return Format(found, compression)


def is_data_file(path: str) -> bool:
    """Whether the extension names a format."""
    try:
        return format_of(path) is not None
    except InputError:
        return False
