"""What a batcher gives for a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Answered(Generic[ResultT]):
    """A request's result, and the tokens of its rows, without padding."""

    result: ResultT
    tokens: int
