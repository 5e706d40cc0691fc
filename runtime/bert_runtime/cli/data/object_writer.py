"""Answers as the task's own JSON: an object a line, or its fields as cells of CSV."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

from bert_runtime.errors import InputError, ItemError
from bert_runtime.lines import BlankError
from bert_runtime.record_writers import Json, Writer, to_json
from bert_runtime.table.rows import Row


class ObjectWriter:
    """See RowWriter."""

    def __init__(self, writer: Writer, with_input: bool) -> None:
        """`with_input`: whether the row's own fields stand beside its answer, as `request`."""
        self._writer, self._with_input = writer, with_input

    def text(self, row: Row, answer: Any) -> bytes:
        """See RowWriter."""
        echoed = self._with_input and not isinstance(row.content, InputError)
        record: dict[str, Json] = {"request": cast(Json, dict(row.rest))} if echoed else {}
        if isinstance(row.content, BlankError):
            return self._writer.text(record)
        if isinstance(answer, ItemError):
            fault: dict[str, Json] = {"code": answer.code, "field": answer.field, "line": row.number}
            where: dict[str, Json] = {"file": row.file} if row.file else {}
            return self._writer.text({**record, "error": "; ".join(answer.problems), **fault, **where})
        result = to_json(answer)
        return self._writer.text({**record, **(result if isinstance(result, dict) else {"result": result})})

    def settled(self) -> bytes | None:
        """See RowWriter."""
        return None if self._writer.kept() else b""

    def rest(self) -> bytes:
        """See RowWriter."""
        return self._writer.rest()

    def kept(self) -> bytes:
        """See RowWriter."""
        return self._writer.kept()

    def resume(self, written: BinaryIO) -> None:
        """See RowWriter."""
        self._writer.resume(written)
