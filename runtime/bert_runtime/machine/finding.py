"""What is to be said of a machine, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a finding is meant."""

    FAULT = "fault"
    """Something is wrong that a user can put right."""
    NOTE = "note"
    """Good to know; nothing is wrong."""


@dataclass(frozen=True)
class Finding:
    """A sentence that says what was found, and one that says what to do."""

    level: Level
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.what}; {self.fix}"
