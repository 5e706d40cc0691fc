"""The plot of `bert-run`: parse, load, answer; and what an error looks like."""

from __future__ import annotations

import io
import os
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from bert_runtime.cli.command import Command, parse
from bert_runtime.cli.describe import describe
from bert_runtime.cli.display import printable, show
from bert_runtime.cli.files import Files, answer_file
from bert_runtime.cli.gpu_flags import check_gpu_flags
from bert_runtime.cli.progress import progress
from bert_runtime.errors import BertError
from bert_runtime.generation.session import GenerationSession, is_single
from bert_runtime.loading import start_session
from bert_runtime.record_writers import Json, dumps, encode, to_json
from bert_runtime.session import Session

DONE, WRONG_INPUT, INTERRUPTED, READER_GONE = 0, 2, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see EXIT_CODES of `command`, which `--help` shows."""
    code = DONE
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: print(f"bert-run: warning: {message}", file=sys.stderr)
            code = _run(parse(sys.argv[1:] if argv is None else argv))
            sys.stdout.flush()
    except SystemExit:  # argparse has answered --help or --version
        return DONE
    except KeyboardInterrupt as interrupt:
        return _fail("interrupted", interrupt, INTERRUPTED)
    except BrokenPipeError:
        # What is left in the buffer has no reader either: without this, Python's own flush at exit would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except BertError as error:
        return _fail(str(error), error, WRONG_INPUT)
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error), error, WRONG_INPUT)
    return code


def _run(command: Command) -> int:
    if command.describe:
        _print(describe(command.bundle), as_json=command.json)
        return DONE
    with start_session(command.bundle, command.options) as session:
        check_gpu_flags(command.gpu, session.active_target, session.reason)
        if command.files is not None:
            return _answer_file(session, command.files, command.fields)
        as_json = command.json or not sys.stdout.isatty()
        if not as_json and isinstance(session, GenerationSession) and _stream(session, command.fields):
            return DONE
        answer = to_json(session(dict(command.fields)))
        _print(answer if isinstance(answer, dict) else {"result": answer}, as_json)
    return DONE


def _stream(session: GenerationSession, fields: Mapping[str, object]) -> bool:
    """Print the prompt and the text after it as it grows; false where several texts grow, which are no one stream."""
    request = session.task.request.from_record(fields)
    if not is_single(request):
        return False
    parts = session.stream(request)  # a request that cannot be answered is told before anything is printed
    _prepare_terminal()
    print(printable(request.prompt), end="", flush=True)
    for part in parts:
        print(printable(part), end="", flush=True)
    print()
    return True


def _answer_file(session: Session[Any, Any], files: Files, defaults: Mapping[str, object]) -> int:
    began = time.perf_counter()
    with progress(files.input) as tell:
        outcome = answer_file(session, files, defaults, tell)
    lines = outcome.answered + outcome.skipped
    if outcome.skipped:
        print(f"bert-run: {outcome.skipped} of {lines} lines skipped", file=sys.stderr)
    if sys.stderr.isatty():
        seconds, artefact = time.perf_counter() - began, session.artefact
        by = f"{artefact.target} {artefact.precision}, {session.engine.name}"
        print(f"bert-run: {outcome.answered} lines answered in {seconds:.1f} s by {by}", file=sys.stderr)
    return outcome.exit_code


def _print(record: Mapping[str, Json], as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(encode(dumps(record)) + b"\n")  # UTF-8, whatever the locale
        return
    _prepare_terminal()
    show(record, sys.stdout)


def _prepare_terminal() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal of another encoding shows escapes


def _fail(message: str, error: BaseException, code: int) -> int:
    for line in (message, *getattr(error, "__notes__", ())):
        print(f"bert-run: {line}", file=sys.stderr)
    return code
