"""What a batcher gives for a request."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from bert_runtime.errors import BertError

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Answered(Generic[ResultT]):
    """A request's result, and the tokens of its rows, without padding."""

    result: ResultT
    tokens: int


def settle(future: Future[Any], answered: Answered[Any] | None, error: BertError | None) -> None:
    """Give a thread what it waits for, unless it has cancelled."""
    if not future.set_running_or_notify_cancel():
        return  # its caller was faster
    if answered is not None:
        future.set_result(answered.result)
    else:
        future.set_exception(error)
