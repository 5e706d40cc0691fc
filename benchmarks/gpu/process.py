"""A process of its own for each engine, which is given so many seconds for an answer and ended when it takes longer."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

Answer = Callable[[Any], Any]
"""An order to its answer, in the process."""


class EngineError(Exception):
    """What an engine failed with, in a sentence."""


@dataclass(frozen=True)
class Budget:
    """Seconds that may be spent, from a moment on."""

    seconds: float
    began: float

    @classmethod
    def of(cls, seconds: float) -> Self:
        """From now on."""
        return cls(seconds, time.monotonic())

    @property
    def left(self) -> float:
        """Seconds; never below zero."""
        return max(0.0, self.began + self.seconds - time.monotonic())

    def share(self, part: float) -> Budget:
        """A part of what is left."""
        return Budget.of(self.left * part)


class Process:
    """A function that loads something, and the orders that it answers then; use it in `with`."""

    def __init__(self, load: Callable[..., Answer], *arguments: Any) -> None:
        """Start to load; `wait` tells when that is done. `load` and its arguments are pickled."""
        context = multiprocessing.get_context("spawn")  # a fork would share a CUDA context, which cannot be shared
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, load, arguments))
        self._process.start()
        theirs.close()

    def wait(self, seconds: float) -> Any:
        """The answer to the last order, at first that all is loaded.

        Raises:
            EngineError: it failed, or ended, or has no answer after so many seconds: then it is ended.
        """
        try:
            if not self._pipe.poll(seconds):
                self.end()
                raise EngineError(f"no answer after {seconds:.0f} s, which was what was left of the time")
            good, answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            self.end()
            raise EngineError(f"its process ended with {self._process.exitcode}; what it said is above") from error
        if not good:
            raise EngineError(answer)
        return answer

    def ask(self, order: Any, seconds: float) -> Any:
        """The answer to an order; see `wait`."""
        try:
            self._pipe.send(order)
        except (OSError, ValueError) as error:
            raise EngineError("its process has ended") from error
        return self.wait(seconds)

    def end(self, patience: float = 0.0) -> None:
        """End the process, whatever it does, after it had so many seconds to end by itself."""
        self._pipe.close()
        self._process.join(patience)
        self._process.kill()
        self._process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(patience=10.0)


def _serve(orders: Connection, load: Callable[..., Answer], arguments: tuple[Any, ...]) -> None:
    """Load, then answer until the other side is gone; what libraries print goes to standard error."""
    os.dup2(2, 1)
    try:
        answer = load(*arguments)
        orders.send((True, None))
        while True:
            orders.send(_answered(answer, orders.recv()))
    except EOFError:
        return
    except Exception as error:  # whatever a library raises is a reason to name, not to end the command
        orders.send((False, told(error)))


def _answered(answer: Answer, order: Any) -> tuple[bool, Any]:
    try:
        return True, answer(order)
    except Exception as error:  # as above: one shape that fails leaves the others
        return False, told(error)


def told(error: BaseException) -> str:
    """An error's first line, with its class where that is not ours."""
    line = (str(error).strip() or "no reason given").splitlines()[0]
    return line if type(error).__module__.startswith("bert_") else f"{type(error).__name__}: {line}"
