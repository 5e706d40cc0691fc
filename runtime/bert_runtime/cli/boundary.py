"""Where every command begins and ends: its streams, its signals, its exit code, and the words for an error.

It imports the standard library and `errors` alone: a command can be interrupted while it imports the rest.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import TextIO

from bert_runtime.cli.printable import printable
from bert_runtime.cli.standard_streams import discard, is_closed, standard_output
from bert_runtime.errors import BertError

DONE, FAILED, WRONG_INPUT, INTERNAL = 0, 1, 2, 70
INTERRUPTED, READER_GONE, TERMINATED = 130, 141, 143
"""As a shell counts them: 128 and the number of the signal."""

TRACEBACK = "BERT_EXPORT_TRACEBACK"
"""The environment variable that shows where an internal error was raised."""

_SIGNALS: Mapping[int, str] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class _Stopped(KeyboardInterrupt):
    """A signal that ends the command.

    A class of its own: where KeyboardInterrupt itself passes through `exec` of a text, as in `dataclass`, CPython ends
    the process by SIGINT even after it was handled.
    """


Body = Callable[[TextIO], int]
"""A command: given its standard output, it returns the exit code."""


def run_command(name: str, body: Body, *, is_process: bool, failures: tuple[type[BertError], ...] = ()) -> int:
    """Run the command `name`, which imports what it needs in `body`; returns the exit code.

    While it runs, only `body`'s output reaches standard output: whatever libraries print goes to standard error.

    Args:
        is_process: whether this process is the command and ends with it, or calls it as a function.
        failures: errors of a gate that did its work, which end with FAILED.
    """
    received: list[int] = []
    try:
        return _run(name, body, is_process=is_process, failures=failures, received=received)
    except KeyboardInterrupt:  # a signal between two steps of beginning or ending
        if not received:
            raise
        tell(name, _SIGNALS[received[0]])
        return 128 + received[0]


def _run(name: str, body: Body, *, is_process: bool, failures: tuple[type[BertError], ...], received: list[int]) -> int:
    """See run_command; `received` is filled with the signal that ends it."""
    with _signals(is_process, received), standard_output(is_process) as output, warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: tell(name, f"warning: {message}")
        try:
            code = _ended(body, output)
            output.flush()
        except BaseException as error:
            if received:
                code = _told(name, _SIGNALS[received[0]], error, 128 + received[0])
            else:
                code = _explained(name, error, failures)
            _let_go(output)
    return code


def tell(name: str, message: str) -> None:
    """A line on standard error; if that is closed, the command continues."""
    try:
        print(f"{name}: {printable(message)}", file=sys.stderr, flush=True)
    except OSError:
        discard(sys.stderr)


def explain_os_error(error: OSError) -> str:
    """The file, what the system says of it, and what to do where that is known."""
    reason = "it is closed" if is_closed(error) else error.strerror or str(error)
    fixes = {
        errno.ENOSPC: "free some space, or write elsewhere",
        errno.EDQUOT: "free some space, or write elsewhere",
        errno.EACCES: "change its permissions, or name another",
        errno.EROFS: "name a place that can be written to",
        errno.EBADF: "open it, or name a file",
    }
    fix = f"; {fixes[error.errno]}" if error.errno in fixes else ""
    return (f"{error.filename}: {reason}" if error.filename is not None else reason) + fix


@contextlib.contextmanager
def _signals(is_process: bool, received: list[int]) -> Iterator[None]:
    """Note in `received` the signal that ends the command; a second one ends the process at once."""

    def stop(number: int, _frame: FrameType | None) -> None:
        if received:
            os._exit(128 + number)
        received.append(number)
        raise _Stopped

    usual = (signal.SIG_DFL, signal.default_int_handler)  # an ignored signal, as under nohup, stays ignored
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in before.items():
        with contextlib.suppress(ValueError):  # a thread that is not the main one has no signals
            if handler in usual:
                signal.signal(number, stop)
    try:
        yield
    finally:
        if is_process:
            received.append(signal.SIGINT)  # what is left is Python's own end, which an interrupt cuts short
        else:
            for number, handler in before.items():
                with contextlib.suppress(ValueError):
                    signal.signal(number, handler)


def _ended(body: Body, output: TextIO) -> int:
    try:
        return body(output)
    except SystemExit as leaving:  # argparse has answered --help or --version
        return leaving.code if isinstance(leaving.code, int) else DONE


def _explained(name: str, error: BaseException, failures: tuple[type[BertError], ...]) -> int:
    """Say what went wrong; the exit code."""
    match error:
        case BrokenPipeError():
            return READER_GONE
        case KeyboardInterrupt():
            message, code = "interrupted", INTERRUPTED
        case BertError():
            message, code = str(error), FAILED if isinstance(error, failures) else WRONG_INPUT
        case OSError():
            message, code = explain_os_error(error), WRONG_INPUT
        case MemoryError():
            message, code = "out of memory; give it more, or make batches smaller", WRONG_INPUT
        case ImportError():
            message, code = _missing(error), WRONG_INPUT
        case _:
            message, code = _internal(error), INTERNAL
    return _told(name, message, error, code)


def _missing(error: ImportError) -> str:
    package = (error.name or "").partition(".")[0]
    what = f"{package} cannot be imported" if package else "a package cannot be imported"
    return f"{what} ({error}); install it, or 'bert-export' again with the extra that brings it"


def _internal(error: BaseException) -> str:
    """A bug of ours: where it is in one line, or in full where that is asked for."""
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""  # noqa: PTH119
    return (
        f"internal error{where}: {type(error).__name__}: {error}; this is a bug, please report it with what "
        f"{TRACEBACK}=1 shows"
    )


def _told(name: str, message: str, error: BaseException, code: int) -> int:
    for line in (message, *getattr(error, "__notes__", ())):
        tell(name, line)
    return code


def _let_go(output: TextIO) -> None:
    """What was answered before the error is written; what cannot be is dropped, or Python's own end would complain."""
    try:
        output.flush()
    except (OSError, ValueError):
        discard(output)
