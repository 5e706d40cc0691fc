"""API keys: where they come from, and whether a request brings one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from pathlib import Path

from bert_runtime.errors import InputError

VARIABLE = "BERT_SERVE_API_KEYS"
"""The environment variable with keys, separated by commas."""

SHORTEST = 8


def read_keys(path: Path | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Keys of a file, one a line (blank lines and lines that begin with # do not count), and of the environment.

    Raises:
        InputError: a key that is too short or not ASCII, or a source without one.
        OSError: the file cannot be read.
    """
    keys: list[str] = []
    problems: list[str] = []
    if path is not None:
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if not found:
            problems.append(f"{path}: holds no key, expected one a line")
        keys += found
    if VARIABLE in environment:
        found = [key.strip() for key in environment[VARIABLE].split(",") if key.strip()]
        if not found:
            problems.append(f"{VARIABLE}: holds no key, expected keys separated by commas; unset it for none")
        keys += found
    wrong = sum(len(key) < SHORTEST or not key.isascii() or not key.isprintable() for key in keys)
    if wrong:
        problems.append(f"{wrong} of {len(keys)} API keys are no {SHORTEST} printable ASCII characters or more")
    if problems:
        raise InputError(problems)
    return tuple(keys)


class Keys:
    """The keys of which a client must show one."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key.encode()) for key in keys]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def allow(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether `Authorization: Bearer KEY` or `X-API-Key: KEY` is among the headers. The comparison takes as long
        whatever the key is."""
        shown = b""
        for name, value in headers:
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                shown = value[7:].strip()
            elif name == b"x-api-key":
                shown = value.strip()
        digest = _digest(shown)
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return any(matches)


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
