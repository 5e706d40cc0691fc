"""Many requests: from files to a file, row by row, in order and in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from bert_runtime.cli.boundary import tell
from bert_runtime.cli.data.row_writer import RowWriter
from bert_runtime.cli.data.source import Source
from bert_runtime.cli.data.target import Target, opened_target
from bert_runtime.cli.files import Files, Outcome
from bert_runtime.cli.output_file import checkpoints
from bert_runtime.cli.plan import Plan
from bert_runtime.cli.progress import Progress
from bert_runtime.errors import ItemError, item_error
from bert_runtime.lines import BlankError
from bert_runtime.pauses import Pause, live
from bert_runtime.session import LOOKAHEAD, Session
from bert_runtime.table.column_map import REPORTED
from bert_runtime.table.rows import Row
from bert_runtime.table.stream import answers, cut, to_first_bad


def answer_file(
    session: Session[Any, Any], plan: Plan, defaults: Mapping[str, object], standard: BinaryIO, progress: Progress
) -> Outcome:
    """Answer every row of the input; `defaults` are fields for rows that lack them.

    Args:
        standard: standard output.

    Raises:
        InputError: a row cannot be answered and `errors` is fail; what came before it is written.
        BackendError: a row that the engine fails on, likewise; or the engine runs nothing any more.
        OSError: a file cannot be read or written.
    """
    files = plan.files
    source = plan.source(session, defaults)
    others = checkpoints(Path(files.output).resolve()) if files.resume else []
    key = plan.key(session, defaults) if source.is_named else ""
    with opened_target(files.output, files.output_kind, standard, key, files.resume) as target:
        writer = plan.writer(session, source)
        run = _Run(session, files, source, writer, target)
        if files.resume:
            run.resume(others)
        try:
            for row, answer in answers(session, run.rows(), run.settle):
                run.write(row, answer)
                if run.count % LOOKAHEAD == 0:
                    run.settle_marked()
                    progress(run.count, session.tokens, source.fraction)
            progress(run.count, session.tokens, source.fraction)
        except BaseException:
            target.write(writer.kept())
            raise
        target.write(writer.rest())
    return Outcome(run.answered, run.skipped, target.resumed.rows)


class _Run:
    """The rows of one run: how many there were, and what is told of the bad ones."""

    def __init__(
        self, session: Session[Any, Any], files: Files, source: Source, writer: RowWriter, target: Target
    ) -> None:
        self._files, self._source, self._writer, self._target = files, source, writer, target
        done = target.resumed
        self.count, self.answered, self.skipped = done.rows, done.answered, done.skipped

    def rows(self) -> Iterator[Row | Pause]:
        """Those that are to be answered: cut where a later run may go on, or as they come."""
        rows = self._source.rows(self._target.resumed.rows)
        rows = to_first_bad(rows, BlankError) if self._files.errors == "fail" else rows
        return cut(rows, LOOKAHEAD * 4) if self._source.is_whole else live(rows)

    def resume(self, others: Sequence[Path]) -> None:
        """Let the writer go on after what is there; `others` are the checkpoints that were beside the output."""
        if self._target.resumed.bytes:
            with self._target.written() as written:
                self._writer.resume(written)
            tell("bert-run", f"resumed after row {self.count}")
        else:
            why = "the checkpoint is of another bundle, input or options" if others else "there is no checkpoint"
            tell("bert-run", f"nothing to resume: {why}; begins with the first row")

    def write(self, row: Row, answer: Any) -> None:
        """Append a row; an answer that cannot be written takes no other with it."""
        self.count += 1
        if isinstance(answer, ItemError) and not isinstance(row.content, BlankError):
            self._skip(row, answer)
            return
        try:
            block = self._writer.text(row, answer)
        except Exception as error:
            self._skip(row, item_error(error))
            return
        self.answered += 1
        self._target.write(block)

    def settle(self) -> None:
        """Append what waits, and let the file have it."""
        self._target.write(self._writer.settled() or b"")
        self._target.flush()

    def settle_marked(self) -> None:
        """At the end of a part of the input: note that it is done, where a later run can go on after it."""
        if not self._source.is_whole:
            self._target.flush()
        elif self.count % (LOOKAHEAD * 4) == 0 and self._target.is_due():
            block = self._writer.settled()
            if block is not None:
                self._target.write(block)
                self._target.mark(self.count, self.answered, self.skipped)

    def _skip(self, row: Row, error: ItemError) -> None:
        """Name the row on standard error and in the output, or raise where errors are not skipped."""
        self.skipped += 1
        where = row.file or self._files.input
        message = f"{where} line {row.number}: {'; '.join(error.problems)}{self._hint(row, error)}"
        if self._files.errors == "fail":
            raise type(error)(message)
        if self.skipped <= REPORTED:
            more = "; further lines are named in the output only" if self.skipped == REPORTED else ""
            tell("bert-run", f"skipped {message}{more}")
        self._target.write(self._writer.text(row, error))

    def _hint(self, row: Row, error: ItemError) -> str:
        """The flag that may be missing."""
        files = self._files
        if not files.is_flat and not files.allow_extra and any(each.code == "unknown-field" for each in error.faults):
            return "; --allow-extra leaves other fields alone, and --text-column or --column passes them on"
        if files.is_flat and any(each.code == "missing-field" for each in error.faults):
            return "; --text-column or --column names the column that holds it"
        is_guess = files.input == "-" and files.input_format is None and row.number == 1
        return "; for CSV add --input-format csv" if is_guess and error.problems[0].startswith("not JSON") else ""
