"""Many requests: from a file to a file, line by line, in order and in constant memory."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from bert_runtime.cli.boundary import tell
from bert_runtime.cli.flags import flag_of
from bert_runtime.cli.output_file import part_of, written
from bert_runtime.cli.parser import nearest
from bert_runtime.cli.progress import Progress
from bert_runtime.cli.standard_streams import standard_input
from bert_runtime.errors import InputError, ItemError, Problem, item_error, prefixed
from bert_runtime.pauses import Pause, live
from bert_runtime.record_writers import CsvWriter, Json, JsonLinesWriter, Writer, to_json
from bert_runtime.records import Line, format_of, read_lines
from bert_runtime.session import LOOKAHEAD, Session
from bert_runtime.tasks.request import Request

ERRORS = ("fail", "skip")
SOME_SKIPPED = 3
"""The exit code where lines were skipped and others answered."""
REPORTED = 20
"""How many skipped lines are named on standard error; the output names them all."""


@dataclass(frozen=True)
class Files:
    """Where requests are read and answers written; `-` is a standard stream.

    Attributes:
        input, output: paths.
        input_format, output_format: jsonl or csv; None goes by the extension.
        with_input: whether the line's own fields stand beside its answer.
        allow_extra: whether fields that the task does not know are ignored instead of refused.
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
                problems += error.faults
        if problems:
            raise InputError(problems)


@dataclass(frozen=True)
class Outcome:
    """How many lines were answered and how many skipped."""

    answered: int
    skipped: int

    @property
    def exit_code(self) -> int:
        """0: every line was answered; 3: some were; 2: there were lines, and none of them was."""
        if not self.skipped:
            return 0
        return SOME_SKIPPED if self.answered else 2


def answer_file(
    session: Session[Any, Any], files: Files, defaults: Mapping[str, object], standard: BinaryIO, progress: Progress
) -> Outcome:
    """Answer every line of `files.input`; `defaults` are fields for lines that lack them.

    Args:
        standard: standard output.

    Raises:
        InputError: a line cannot be answered and `files.errors` is fail; what came before it is written.
        BackendError: a line that the engine fails on, likewise; or the engine runs nothing any more.
        OSError: a file cannot be read or written.
    """
    answered = skipped = 0
    with _opened(files.input) as source, written(files.output, standard) as target:
        writer = _writer(files)
        file_format = files.input_format or format_of(files.input)
        columns = partial(_column_problems, session.task.request, defaults, files.allow_extra)
        lines = _named(read_lines(source, file_format, session.task.request, columns), files.input)
        lines = _to_first_bad(lines) if files.errors == "fail" else lines
        stream = _Stream(lines if _is_file(source) else live(lines), defaults, files.allow_extra, target.flush)
        try:
            for line, answer in stream.answers(session):
                text = _text(writer, line, answer, files.with_input)
                if isinstance(text, ItemError):
                    skipped += 1
                    _report(line, text, skipped, files)
                    target.write(writer.text(_record(line, text, files.with_input)))
                else:
                    answered += 1
                    target.write(text)
                if (answered + skipped) % LOOKAHEAD == 0:
                    target.flush()
                    progress(answered + skipped, _position(source))
            progress(answered + skipped, _position(source))
        except BaseException:
            target.write(writer.kept())
            raise
        target.write(writer.rest())
        target.flush()
    return Outcome(answered, skipped)


def _column_problems(
    request: type[Request], defaults: Mapping[str, object], allow_extra: bool, columns: Sequence[str]
) -> list[str]:
    """What keeps every line of a CSV file from being a request."""
    fields = dataclasses.fields(request)
    known = [field.name for field in fields]
    strange = [] if allow_extra else [name for name in columns if name not in known]
    missing = [
        field.name
        for field in fields
        if field.default is dataclasses.MISSING and field.name not in columns and field.name not in defaults
    ]
    problems: list[str] = [
        Problem(
            "missing-field", name, f"the column {name!r} is missing; add it, or give {flag_of(name)} for every line"
        )
        for name in missing
    ]
    if strange:
        told = ", ".join(f"{name!r}{nearest(name, known)}" for name in strange[:REPORTED])
        problems.append(
            Problem(
                "unknown-field",
                strange[0],
                f"unknown: the columns {told}; the fields are {', '.join(known)}; --allow-extra leaves other "
                "columns alone",
            )
        )
    return problems


def _named(lines: Iterable[Line], path: str) -> Iterator[Line]:
    """The same; what is wrong with the whole file names it."""
    try:
        yield from lines
    except InputError as error:
        name = "standard input" if path == "-" else path
        first, *more = error.faults
        raise InputError([prefixed(f"{name}: ", first), *more]) from None


def _to_first_bad(lines: Iterable[Line]) -> Iterator[Line]:
    """Where a bad line ends everything, nothing after it is read."""
    for line in lines:
        yield line
        if isinstance(line.content, InputError):
            return


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


class _Stream:
    """The lines of a file as a stream of requests."""

    def __init__(
        self,
        lines: Iterable[Line | Pause],
        defaults: Mapping[str, object],
        allow_extra: bool,
        on_pause: Callable[[], None],
    ) -> None:
        """`on_pause` is called once everything is answered that came before a pause, and before more is read."""
        self._lines, self._defaults, self._allow_extra, self._on_pause = lines, defaults, allow_extra, on_pause
        self._read: deque[Line] = deque()

    def answers(self, session: Session[Any, Any]) -> Iterator[tuple[Line, Any]]:
        """Each line with its result or error, in order."""
        known = {field.name for field in dataclasses.fields(session.task.request)}
        for answer in session.predict(self._requests(known), errors="return"):
            yield self._read.popleft(), answer

    def _requests(self, known: set[str]) -> Iterator[Mapping[str, object] | Pause]:
        for line in self._lines:
            if isinstance(line, Pause):
                yield line
                self._on_pause()
                continue
            self._read.append(line)
            if isinstance(line.content, InputError):
                yield _NoRequest(line.content)
            else:
                own = {name: value for name, value in line.content.items() if not self._allow_extra or name in known}
                yield {**self._defaults, **own}


def _report(line: Line, error: ItemError, skipped: int, files: Files) -> None:
    """Name the line on standard error, or raise where errors are not skipped."""
    message = f"{files.input} line {line.number}: {'; '.join(error.problems)}{_hint(line, error, files)}"
    if files.errors == "fail":
        raise type(error)(message)
    if skipped <= REPORTED:
        more = "; further lines are named in the output only" if skipped == REPORTED else ""
        tell("bert-run", f"skipped {message}{more}")


def _hint(line: Line, error: ItemError, files: Files) -> str:
    """The flag that may be missing."""
    if not files.allow_extra and any(problem.startswith("unknown field ") for problem in error.problems):
        return "; --allow-extra leaves other fields alone"
    is_guess = files.input == "-" and files.input_format is None and line.number == 1
    return "; for CSV add --input-format csv" if is_guess and error.problems[0].startswith("not JSON") else ""


def _text(writer: Writer, line: Line, answer: Any, with_input: bool) -> bytes | ItemError:
    """What the answer writes, or why there is none; an answer that cannot be written takes no other with it."""
    if isinstance(answer, ItemError):
        return answer
    try:
        return writer.text(_record(line, answer, with_input))
    except Exception as error:
        return item_error(error)


def _record(line: Line, answer: Any, with_input: bool) -> dict[str, Json]:
    echoed = with_input and not isinstance(line.content, InputError)
    record: dict[str, Json] = {"request": cast(Json, line.content)} if echoed else {}
    if isinstance(answer, ItemError):
        return {**record, "error": "; ".join(answer.problems), **_fault(answer), "line": line.number}
    result = to_json(answer)
    return {**record, **result} if isinstance(result, dict) else {**record, "result": result}


def _fault(error: ItemError) -> dict[str, Json]:
    """What programs go by, where the words are for people: of several problems the first."""
    return {"code": error.code, "field": error.field}


def _writer(files: Files) -> Writer:
    if (files.output_format or format_of(files.output)) == "jsonl":
        return JsonLinesWriter()
    before = ("request",) if files.with_input else ()
    return CsvWriter(before, ("error", "code", "field", "line") if files.errors == "skip" else ())


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
    for path in (target, part_of(target)):
        if path.is_file() and source.exists() and path.samefile(source):
            yield f"--input and --output would both use {path}; name another output"


def _position(source: BinaryIO) -> int:
    try:
        return source.tell()
    except OSError:  # a pipe has none
        return 0


def _is_file(source: BinaryIO) -> bool:
    """Whether all that will be read is there already, as it is not in a pipe or a terminal."""
    try:
        return stat.S_ISREG(os.fstat(source.fileno()).st_mode)
    except OSError:  # a stream that is not the system's
        return True


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO]:
    if path == "-":
        yield standard_input()
        return
    with Path(path).open("rb") as stream:
        yield stream
