"""Several processes on one socket: begun, watched, begun again where one dies, and ended together."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

from bert_runtime.cli.boundary import DONE, INTERNAL, INTERRUPTED, TERMINATED, WRONG_INPUT, run_command
from bert_runtime.cpus import available_cpus
from bert_serve.end_signals import EndSignals
from bert_serve.listening import accept_again
from bert_serve.options import ServeOptions

SHARED = "PROMETHEUS_MULTIPROC_DIR"

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_RESTART_SECONDS = 1.0
_log = logging.getLogger("bert_serve")


def supervise(options: ServeOptions, listening: socket.socket, signals: EndSignals) -> int:
    """Run `options.workers` processes until a signal ends them; the exit code.

    Each loads its bundles after the fork, for engines have threads. One that cannot load them ends all.
    """
    folder = tempfile.mkdtemp(prefix="bert-serve-")
    parent = os.getpid()
    os.environ[SHARED] = folder  # before prometheus-client is imported, which each process does by itself
    threads = options.load.threads or available_cpus()
    own = replace(options, workers=1, load=replace(options.load, threads=max(1, threads // options.workers)))
    try:
        work = functools.partial(_work, own, listening, parent)
        return Supervisor(options.workers, work, listening, Path(folder)).run(signals)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Supervisor:
    """The parent of the processes; it answers nothing itself."""

    def __init__(self, count: int, work: Callable[[EndSignals], int], listening: socket.socket, folder: Path) -> None:
        """Put it together.

        Args:
            work: what each process does, until its signals tell it to stop: it returns an exit code.
            listening: the socket, which is closed here with the first signal: it must not stay open after the last
                process.
        """
        self._count = count
        self._work = work
        self._listening = listening
        self._folder = folder
        self._children: dict[int, bool] = {}  # pid -> whether it was among the first
        self._is_stopping = False

    def run(self, signals: EndSignals) -> int:
        """Until every process has ended; `signals` are those of this one."""
        signal.signal(signal.SIGHUP, self._passed_on)
        signals.pass_to(self._passed_on)
        for _ in range(self._count):
            self._start()
        codes = [self._ended() for _ in iter(self._children.__len__, 0)]
        if WRONG_INPUT in codes:
            return WRONG_INPUT
        is_early = codes and all(code in (INTERRUPTED, TERMINATED) for code in codes)  # nothing was served
        return codes[0] if is_early else DONE

    def _ended(self) -> int:
        """Wait for a process; what it ended with, or DONE where that is no matter, as another was begun."""
        pid, status = os.waitpid(-1, 0)
        is_first = self._children.pop(pid)
        code = os.waitstatus_to_exitcode(status)
        for file in self._folder.glob(f"gauge_live*_{pid}.db"):
            file.unlink(missing_ok=True)
        if self._is_stopping:
            return code
        if code == WRONG_INPUT and is_first:  # it could not begin, and the next could not either
            self._stop(signal.SIGTERM)
            return code
        _log.error("a worker ended", extra={"fields": {"pid": pid, "code": code}})
        time.sleep(_RESTART_SECONDS)
        with contextlib.suppress(OSError):  # it was closed in the meantime
            accept_again(self._listening)
        self._start(is_first=False)
        return DONE

    def _start(self, is_first: bool = True) -> None:
        """Begin a process, unless all are to end. A signal in between waits until either process can take it."""
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
        pid = 0 if self._is_stopping else os.fork()
        if os.getpid() == parent:
            if pid:
                self._children[pid] = is_first
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
            return
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there are bundles to load again
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.default_int_handler)
        code = INTERNAL
        try:
            code = run_command("bert-serve", lambda _: self._begin(), is_process=False)
            sys.stderr.flush()
        finally:
            os._exit(code)

    def _begin(self) -> int:
        """In the new process, whose command knows by now what to do with a signal."""
        signals = EndSignals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        return self._work(signals)

    def _passed_on(self, number: int, _frame: FrameType | None) -> None:
        """A signal: each process has it as well; a second one that ends them ends them at once."""
        self._stop(signal.SIGKILL if self._is_stopping and number != signal.SIGHUP else number)

    def _stop(self, number: int) -> None:
        if number != signal.SIGHUP:
            self._is_stopping = True
            self._listening.close()
        for pid in list(self._children):
            with contextlib.suppress(ProcessLookupError):  # it has ended, and nobody has noted it yet
                os.kill(pid, number)


def _work(options: ServeOptions, listening: socket.socket, supervisor: int, signals: EndSignals) -> int:
    from bert_serve.server import serve  # noqa: PLC0415 - in its own process

    serve(options, listening, signals, supervisor)
    return DONE
