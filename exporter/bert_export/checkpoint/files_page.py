"""The page docs/checkpoint-files.md, made from the tables of keys: `python -m bert_export.checkpoint.files_page`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bert_export.checkpoint.keys import Key, KnownFile, shown
from bert_export.checkpoint.known_files import KNOWN_FILES

HEAD = """\
# What is read from every file of a checkpoint

The exporter accounts for every key of the files below. A key is **carried** into the bundle, **ignored** because it
decides no answer, **dropped**, which is the same with a note that names it, or **refused**: the export ends with a
message that names it. A refused or dropped key passes in silence with the values that stand beside it, and with null.
A key that no table lists is named in a note of the export; the text gate still compares the checkpoint's own tokenizer
with the bundle's.

This page is generated: `python -m bert_export.checkpoint.files_page > docs/checkpoint-files.md`.
"""


def page(files: Sequence[KnownFile] = KNOWN_FILES) -> str:
    """The page in Markdown."""
    return "\n".join([HEAD, *(line for file in files for line in _section(file))])


def _section(file: KnownFile) -> Iterator[str]:
    yield f"## {file.name}\n"
    yield f"{file.holds}\n"
    if not file.keys:
        return
    yield "| key | use | why, or where it goes |"
    yield "|---|---|---|"
    yield from (f"| `{key.name}` | {_use(key)} | {_cell(key.reason)} |" for key in file.keys)
    yield ""


def _use(key: Key) -> str:
    """The use, with the values that a refused key may have."""
    return key.use.value + (f" (passes: {_values(key.harmless)})" if key.harmless else "")


def _values(values: Iterable[object]) -> str:
    return ", ".join(f"`{shown(value)}`" for value in values)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(page(), end="")
