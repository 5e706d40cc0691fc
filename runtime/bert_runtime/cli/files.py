"""Many requests: from a file to a file, line by line, in order and in constant memory."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from bert_runtime.cli.progress import Progress
from bert_runtime.errors import InputError
from bert_runtime.record_writers import CsvWriter, Json, JsonLinesWriter, Writer, to_json
from bert_runtime.records import Line, format_of, read_lines
from bert_runtime.session import LOOKAHEAD, Session

ERRORS = ("fail", "skip")
REPORTED = 20
"""How many skipped lines are named on standard error; the output names them all."""


@dataclass(frozen=True)
class Files:
    """Where requests are read and answers written; `-` is a standard stream.

    Attributes:
        input, output: paths.
        input_format, output_format: jsonl or csv; None goes by the extension.
        with_input: whether the line's own fields stand beside its answer.
        allow_extra: whether fields that the task does not know are left alone instead of refused.
        errors: fail or skip.
    """

    input: str
    output: str = "-"
    input_format: str | None = None
    output_format: str | None = None
    with_input: bool = False
    allow_extra: bool = False
    errors: str = "fail"

    def __post_init__(self) -> None:
        problems = list(_path_problems(Path(self.input), Path(self.output)))
        for path, named in ((self.input, self.input_format), (self.output, self.output_format)):
            try:
                _ = named or format_of(path)
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(problems)


@dataclass(frozen=True)
class Outcome:
    """How many lines were answered and how many skipped."""

    answered: int
    skipped: int


def answer_file(
    session: Session[Any, Any], files: Files, defaults: Mapping[str, object], progress: Progress
) -> Outcome:
    """Answer every line of `files.input`; `defaults` are fields for lines that lack them.

    Raises:
        InputError: a line cannot be answered and `files.errors` is fail; what came before it is written.
        BackendError: the engine failed.
        OSError: a file cannot be read or written.
    """
    answered = skipped = 0
    with _opened(files.input) as source, _written(files.output) as target:
        writer = _writer(target, files)
        lines = read_lines(source, files.input_format or format_of(files.input), session.task.request)
        try:
            for line, answer in _answers(session, lines, defaults, files.allow_extra):
                if isinstance(answer, InputError):
                    skipped += 1
                    _report(line, answer, skipped, files)
                answered += not isinstance(answer, InputError)
                writer.write(_record(line, answer, files.with_input))
                if (answered + skipped) % LOOKAHEAD == 0:
                    target.flush()
                    progress(answered + skipped, _position(source))
            progress(answered + skipped, _position(source))
        finally:
            writer.finish()
            target.flush()
    return Outcome(answered, skipped)


class _NoRequest(Mapping[str, object]):
    """A line that is no request, as one that says so when it is read: it keeps its place in the stream."""

    def __init__(self, error: InputError) -> None:
        self._error = error

    def __getitem__(self, name: str) -> object:
        raise self._error

    def __iter__(self) -> Iterator[str]:
        raise self._error

    def __len__(self) -> int:
        raise self._error


def _answers(
    session: Session[Any, Any], lines: Iterable[Line], defaults: Mapping[str, object], allow_extra: bool
) -> Iterator[tuple[Line, Any]]:
    """Each line with its result or InputError, in order."""
    known = {field.name for field in dataclasses.fields(session.task.request)}
    read: deque[Line] = deque()

    def requests() -> Iterator[Mapping[str, object]]:
        for line in lines:
            read.append(line)
            if isinstance(line.content, InputError):
                yield _NoRequest(line.content)
            else:
                own = {name: value for name, value in line.content.items() if not allow_extra or name in known}
                yield {**defaults, **own}

    for answer in session.predict(requests(), errors="return"):
        yield read.popleft(), answer


def _report(line: Line, error: InputError, skipped: int, files: Files) -> None:
    """Name the line on standard error, or raise where errors are not skipped."""
    message = f"{files.input} line {line.number}: {'; '.join(error.problems)}"
    if files.errors == "fail":
        raise InputError(message)
    if skipped <= REPORTED:
        more = "; further lines are named in the output only" if skipped == REPORTED else ""
        print(f"bert-run: skipped {message}{more}", file=sys.stderr)


def _record(line: Line, answer: Any, with_input: bool) -> dict[str, Json]:
    echoed = with_input and not isinstance(line.content, InputError)
    record: dict[str, Json] = {"request": cast(Json, line.content)} if echoed else {}
    if isinstance(answer, InputError):
        return {**record, "error": "; ".join(answer.problems), "line": line.number}
    result = to_json(answer)
    return {**record, **result} if isinstance(result, dict) else {**record, "result": result}


def _writer(target: BinaryIO, files: Files) -> Writer:
    if (files.output_format or format_of(files.output)) == "jsonl":
        return JsonLinesWriter(target)
    before = ("request",) if files.with_input else ()
    return CsvWriter(target, before, ("error", "line") if files.errors == "skip" else ())


def _path_problems(source: Path, target: Path) -> Iterator[str]:
    if str(source) != "-" and not source.exists():
        yield f"--input {source} does not exist, expected a file, or - for standard input"
    elif source.is_dir():
        yield f"--input {source} is a directory, expected a file"
    if str(target) == "-":
        return
    if target.is_dir():
        yield f"--output {target} is a directory, expected a file"
    elif not target.resolve().parent.is_dir():
        yield f"--output {target} is in a directory that does not exist; make it first"
    for path in (target, _part(target)):
        if path.is_file() and source.exists() and path.samefile(source):
            yield f"--input and --output would both use {path}; name another output"


def _position(source: BinaryIO) -> int:
    try:
        return source.tell()
    except OSError:  # a pipe has none
        return 0


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        yield sys.stdin.buffer
        return
    with Path(path).open("rb") as stream:
        yield stream


@contextmanager
def _written(path: str) -> Iterator[BinaryIO]:
    """A file that appears under its name once it is whole; after a failure, what was written stays in its part."""
    if path == "-":
        yield sys.stdout.buffer
        return
    target = Path(path).resolve()
    if target.exists() and not target.is_file():  # a pipe or a device cannot be renamed
        with target.open("wb") as stream:
            yield stream
        return
    part = _part(target)
    try:
        with part.open("wb") as stream:
            yield stream
        part.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            if part.stat().st_size:
                error.add_note(f"what was answered before is in {part}")
            else:
                part.unlink()
        raise


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")
