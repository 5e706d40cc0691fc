"""W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace a request belongs to, and our span in it."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True)
class TraceContext:
    """A trace, in hexadecimal.

    Attributes:
        trace_id: 16 bytes, the caller's or new.
        span_id: 8 bytes: ours.
        parent_id: the caller's span; empty where it sent none.
        flags: the caller's: 01, where it records the trace.
    """

    trace_id: str
    span_id: str
    parent_id: str = ""
    flags: str = "00"

    @classmethod
    def of(cls, traceparent: bytes | None) -> TraceContext:
        """That of a request's header; a header that breaks the format counts as none, as the standard asks."""
        # Ids must be unique, not secret: the system's own randomness would let another thread have the interpreter.
        span_id = _hexadecimal(64)
        found = _PARENT.fullmatch(traceparent) if traceparent else None
        if found is None or not _is_valid(found):
            return cls(_hexadecimal(128), span_id)
        return cls(found[2].decode(), span_id, found[3].decode(), found[4].decode())

    @property
    def traceparent(self) -> str:
        """What is passed on: our span as the parent."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def _is_valid(found: re.Match[bytes]) -> bool:
    """Version ff is none, version 00 has no more parts, and ids are not all zeros."""
    is_version = found[1] != b"ff" and not (found[1] == b"00" and found[5])
    return is_version and found[2].strip(b"0") != b"" and found[3].strip(b"0") != b""


def _hexadecimal(bits: int) -> str:
    """A random number other than 0, which the standard keeps for none."""
    return f"{random.getrandbits(bits) or 1:0{bits // 4}x}"
