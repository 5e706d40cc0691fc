"""Where answers are written: appended block by block, packed, marked by checkpoints, and made whole at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from bert_runtime.cli.data.checkpoint import Mark
from bert_runtime.cli.data.compression import packed, unpacked
from bert_runtime.cli.data.formats import TEXT, Format
from bert_runtime.cli.data.places import is_remote, upload
from bert_runtime.cli.data.whole_file import make_whole
from bert_runtime.cli.output_file import Journal, written
from bert_runtime.cli.standard_streams import IS_OUTPUT

BLOCK = 2**20
"""Bytes of text that are packed at once."""


class Target:
    """An output that is only appended to.

    Attributes:
        resumed: what an earlier run has left that this one goes on after; nothing is Mark().
    """

    def __init__(self, journal: Journal, compression: str) -> None:
        """Go on where the journal ends."""
        self._journal, self._compression = journal, compression
        self._waiting = bytearray()
        self.resumed = journal.mark or Mark()

    def write(self, block: bytes) -> None:
        """Append a block."""
        if not self._compression:
            self._journal.stream.write(block)
            return
        self._waiting += block
        if len(self._waiting) >= BLOCK:
            self._pack()

    def flush(self) -> None:
        """Let every block so far be in the file."""
        self._pack()
        self._journal.stream.flush()

    def is_due(self) -> bool:
        """Whether it is time for a mark."""
        return self._journal.checkpoint is not None and self._journal.checkpoint.is_due()

    def mark(self, rows: int, answered: int, skipped: int) -> None:
        """Note that every row so far was appended, where the run can be resumed."""
        checkpoint = self._journal.checkpoint
        if checkpoint is None:
            return
        self.flush()
        stream = self._journal.stream
        checkpoint.write(Mark(rows, stream.tell(), answered, skipped), stream.fileno())

    @contextmanager
    def written(self) -> Iterator[BinaryIO]:
        """What an earlier run has written, to read."""
        with self._journal.path.open("rb") as raw, unpacked(raw, self._compression) as stream:
            yield stream

    def _pack(self) -> None:
        if self._waiting:
            self._journal.stream.write(packed(bytes(self._waiting), self._compression))
            self._waiting.clear()


@contextmanager
def opened_target(path: str, file_format: Format, standard: BinaryIO, key: str, resume: bool) -> Iterator[Target]:
    """The target under a path, a URL of fsspec, or `-`.

    Args:
        standard: standard output.
        key: the run's digest, where it can be resumed; else "".

    Raises:
        InputError: too many processes write there.
        OSError: it cannot be written.
    """
    is_table = file_format.name not in TEXT
    if is_remote(path) or (is_table and path in IS_OUTPUT):
        with tempfile.TemporaryDirectory(prefix="bert-run-") as folder:
            local = Path(folder) / "output"
            with opened_target(str(local), file_format, standard, "", False) as target:
                yield target
            if is_remote(path):
                upload(local, path)
            else:
                _copy(local, standard)
        return
    whole = partial(make_whole, file_format=file_format.name) if is_table else None
    with written(path, standard, key=key, resume=resume, whole=whole) as journal:
        target = Target(journal, file_format.compression)
        try:
            yield target
        finally:
            with suppress(OSError):  # a full disk, which the error in flight names already
                target.flush()


def _copy(source: Path, standard: BinaryIO) -> None:
    with source.open("rb") as stream:
        while part := stream.read(BLOCK):
            standard.write(part)
    standard.flush()
