"""From what was appended, row by row, to a whole file: Parquet and Arrow IPC have an end that lists their parts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bert_runtime.table.extras import parquet, pyarrow

ROWS, BYTES = 16_384, 2**24
"""A row group of Parquet, and a record batch of Arrow IPC, hold so many at most. Arrow's allocator keeps several times
what they take: with 65,536 rows, the end of a run was the peak of its memory."""


def make_whole(appended: Path, target: Any, file_format: str) -> None:
    """Write the rows of an Arrow IPC stream, whose end may be missing, as a whole file.

    Args:
        target: a path, or a stream that is open for writing.
    """
    arrow = pyarrow()
    with appended.open("rb") as stream:
        source = arrow.ipc.open_stream(stream)
        opened = parquet().ParquetWriter if file_format == "parquet" else arrow.ipc.new_file
        with opened(target if not isinstance(target, Path) else str(target), source.schema) as writer:
            for table in _tables(source):
                writer.write_table(table)


def _tables(source: Any) -> Iterator[Any]:
    arrow = pyarrow()
    waiting: list[Any] = []
    rows = size = 0
    for batch in source:
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= ROWS or size >= BYTES:
            yield arrow.Table.from_batches(waiting).combine_chunks()
            waiting, rows, size = [], 0, 0
    if waiting:
        yield arrow.Table.from_batches(waiting).combine_chunks()
