"""What the flags for files mean for a bundle's task: which columns are read, and which are written by what."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bert_runtime.cli.data.arrow_writer import ArrowWriter
from bert_runtime.cli.data.checkpoint import digest
from bert_runtime.cli.data.formats import TEXT
from bert_runtime.cli.data.object_writer import ObjectWriter
from bert_runtime.cli.data.places import find_places
from bert_runtime.cli.data.row_writer import FlatCsvWriter, FlatJsonWriter, RowWriter
from bert_runtime.cli.data.source import Source
from bert_runtime.cli.files import Files
from bert_runtime.record_writers import CsvWriter, JsonLinesWriter
from bert_runtime.session import Session
from bert_runtime.table.answers import answer_columns
from bert_runtime.table.column_map import ColumnMap, named_columns
from bert_runtime.table.layout import FAULT, FILE, Layout, check_chosen


@dataclass(frozen=True)
class Plan:
    """The files of a run, the bundle's manifest as bytes, and all options of loading as text."""

    files: Files
    manifest: bytes
    options: str

    def layout(self, session: Session[Any, Any]) -> Layout:
        """The columns of a flat output; raises InputError for names that cannot be chosen."""
        several = len(find_places(self.files.input)) > 1
        faults = (*FAULT, FILE) if several else FAULT
        faults = faults if self.files.errors == "skip" else ()
        columns = answer_columns(session)
        check_chosen(self.files.columns, faults)
        return Layout(columns, self.files.columns or None, faults)

    def source(self, session: Session[Any, Any], defaults: Mapping[str, object]) -> Source:
        """The rows to answer."""
        files = self.files
        named = named_columns(session.task, files.text_column, files.column)
        wanted = self.layout(session).wanted if files.is_flat else None
        columns = ColumnMap(session.task.request, named, defaults, files.is_flat, files.allow_extra, wanted)
        return Source(find_places(files.input), files.input_format, columns)

    def writer(self, session: Session[Any, Any], source: Source) -> RowWriter:
        """What writes the rows."""
        files, name = self.files, self.files.output_kind.name
        if not files.is_flat:
            before = ("request",) if files.with_input else ()
            several = ("file",) if len(source.places) > 1 else ()
            after = ("error", "code", "field", "line", *several) if files.errors == "skip" else ()
            return ObjectWriter(JsonLinesWriter() if name == "jsonl" else CsvWriter(before, after), files.with_input)
        layout = self.layout(session)
        if name not in TEXT:
            return ArrowWriter(layout, lambda: source.passed, lambda: source.schema)
        if name == "jsonl":
            return FlatJsonWriter(layout)
        return FlatCsvWriter(layout, lambda: source.passed, "\t" if name == "tsv" else ",")

    def key(self, session: Session[Any, Any], defaults: Mapping[str, object]) -> str:
        """What names the run; the same with and without `--resume`."""
        files = dataclasses.replace(self.files, resume=False)
        options = repr((files, sorted(defaults.items()), self.options, session.active_target))
        return digest(self.manifest, find_places(files.input), options)
