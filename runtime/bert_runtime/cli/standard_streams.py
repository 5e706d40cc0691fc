"""The three standard streams of a command: closed ones, encodings, and an output that libraries cannot print to."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12

INPUT, OUTPUT = "standard input", "standard output"
"""What errors call them."""

IS_OUTPUT = frozenset(("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"))
"""Paths that mean standard output."""


@contextlib.contextmanager
def standard_output(is_process: bool) -> Iterator[TextIO]:
    """Standard output for the command alone; what others print, from Python or C, goes to standard error meanwhile.

    A command that is this process keeps it to the end: what C libraries have buffered is printed last of all.
    """
    if is_process:
        _fill_closed()
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")
    stdout = sys.stdout
    stdout.flush()
    number = _number(stdout)
    output = _private(stdout) if number == 1 else stdout
    if isinstance(output, io.TextIOWrapper):
        output.reconfigure(errors="backslashreplace")  # a terminal of another encoding shows escapes
    sys.stdout = sys.stderr
    try:
        yield output
    finally:
        if not is_process:
            sys.stdout = stdout
            if output is not stdout:
                os.dup2(output.fileno(), 1)
                output.close()


@contextlib.contextmanager
def named(stream: str) -> Iterator[None]:
    """An error of the system that names no file is one of `stream`."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise type(error)(error.errno, error.strerror, stream) from error
        raise


def standard_input() -> BinaryIO:
    """Standard input, as an object of its own: at the interpreter's end, a thread that still waits in `sys.stdin`
    would abort it. It is never closed, as that would wait for such a thread, too."""
    number = _number(sys.stdin)
    return sys.stdin.buffer if number is None else io.BufferedReader(_Named(number, "r", closefd=False))


def discard(stream: TextIO) -> None:
    """Let the stream write to nowhere, what it has buffered as well."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


class _Named(io.FileIO):
    """A standard stream; its errors say which."""

    def readinto(self, buffer: Buffer, /) -> int | None:
        with named(INPUT):
            return super().readinto(buffer)

    def write(self, data: Buffer, /) -> int:
        with named(OUTPUT):
            return super().write(data)


def _private(stdout: TextIO) -> TextIO:
    """A descriptor of its own for standard output, whose number then is standard error's."""
    raw = _Named(os.dup(1), "w")
    os.dup2(2, 1)
    is_terminal = raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=stdout.encoding, line_buffering=is_terminal)


def _fill_closed() -> None:
    """Open a closed stream such that no file takes its number, and that using it is an error that names it."""
    for number, flags in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # the lowest free number: this one
            mode = "r" if number == 0 else "w"
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - open to the end
            setattr(sys, ("stdin", "stdout", "stderr")[number], stream)


def _number(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError):  # a stand-in, as tests have
        return None


def is_closed(error: OSError) -> bool:
    """Whether a standard stream was closed before the command began: `_fill_closed` opened it the wrong way round."""
    return error.errno == errno.EBADF and error.filename in (INPUT, OUTPUT)
