"""What a server is told."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Annotated

from bert_runtime.errors import InputError
from bert_runtime.fields import OneOf, Range, settle
from bert_runtime.options import Options
from bert_runtime.serving import QueueLimits

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""What a model may be called: it stands in addresses and in labels of metrics."""


@dataclass(frozen=True)
class Limits:
    """What one request may take.

    Attributes:
        body: bytes of its body.
        items: how many texts it may bring.
        seconds: until it is answered; then it ends with 504.
        body_seconds: until its body is there; then it ends with 408.
        header_seconds: until its headers are there; then the connection is closed.

    Raises:
        InputError: on construction, with every value of a wrong type or out of range.
    """

    body: Annotated[int, Range(1)] = 2**20
    items: Annotated[int, Range(1)] = 128
    seconds: Annotated[float, Range(0)] = 30.0
    body_seconds: Annotated[float, Range(0)] = 10.0
    header_seconds: Annotated[float, Range(0)] = 10.0

    def __post_init__(self) -> None:
        problems = settle(self, "limits.")
        if problems:
            raise InputError(problems)


@dataclass(frozen=True)
class Tls:
    """Files of a server's certificate; with `client_ca`, clients must show one that it signed."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True)
class NamedBundle:
    """A bundle, and what clients call it."""

    name: str
    path: str

    @classmethod
    def parse(cls, text: str) -> NamedBundle:
        """`NAME=DIR`, or `DIR` alone, which is called as its last part.

        Raises:
            InputError: the name cannot stand in an address.
        """
        name, sign, path = text.partition("=")
        if not sign:
            name, path = PurePath(text).name or Path(text).resolve().name, text
        if not NAME.fullmatch(name):
            raise InputError(
                f"{text}: the model's name is {name!r:.60}, expected letters, digits, '.', '_' and '-'; name it as in "
                f"NAME={path}"
            )
        return cls(name, path)


@dataclass(frozen=True)
class ServeOptions:
    """How bundles are served.

    Attributes:
        bundles: what is served, each under a name of its own. The first of a task answers where a protocol names no
            model.
        host, port: where; the port 0 takes any that is free.
        load: how bundles are loaded; the mode is always `serving`.
        queue: how many requests of a model wait, and how large batches are.
        limits: what one request may take.
        workers: processes, each with a part of the CPUs.
        connections: the most that are open at once, in each process.
        keys: those of which a client must show one; empty: anybody may ask.
        tls: None: plain HTTP.
        drain_seconds: how long, once the server is told to stop, it says so to clients and still answers.
        log: requests (one line for each), errors (for those that were not answered), or nothing.

    Raises:
        InputError: on construction, with everything that is wrong.
    """

    bundles: tuple[NamedBundle, ...]
    host: str = "127.0.0.1"
    port: Annotated[int, Range(0, 65535)] = 8000
    load: Options = field(default_factory=lambda: Options(mode="serving"))
    queue: QueueLimits = field(default_factory=QueueLimits)
    limits: Limits = field(default_factory=Limits)
    workers: Annotated[int, Range(1, 256)] = 1
    connections: Annotated[int, Range(1)] = 8192
    keys: tuple[str, ...] = field(default=(), repr=False)
    tls: Tls | None = None
    drain_seconds: Annotated[float, Range(0)] = 1.0
    log: Annotated[str, OneOf(("requests", "errors", "nothing"))] = "requests"

    def __post_init__(self) -> None:
        problems = settle(self)
        names = [bundle.name for bundle in self.bundles]
        problems += [
            f"two bundles are called {name!r}, expected a name for each; name them as in NAME=DIR"
            for name in sorted(set(names))
            if names.count(name) > 1
        ]
        if not names:
            problems.append("got no bundle, expected one directory at least: bert-serve DIR…")
        if self.limits.items > self.queue.max_waiting:
            problems.append(
                f"limits.items is {self.limits.items} with a queue of {self.queue.max_waiting}, expected at most as "
                "many: a larger request could never be admitted"
            )
        if problems:
            raise InputError(problems)
