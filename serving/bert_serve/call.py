"""One request of HTTP on its way to an answer, and the answer."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import numpy as np
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from bert_runtime.errors import InternalError
from bert_runtime.serving import Answered
from bert_serve.body import read_body
from bert_serve.models import Model
from bert_serve.problems import Problem, of_error, problem
from bert_serve.service import Service

_log = logging.getLogger("bert_serve")


class Connection(Protocol):
    """What a request came by: it stands in the scope, put there by our server's own protocol."""

    def watch(self, gone: Callable[[], None]) -> None:
        """Call `gone` if the client goes away."""

    def unwatch(self, gone: Callable[[], None]) -> None:
        """Call it no more."""


class _Gone:
    """Cancels what nobody waits for any more."""

    def __init__(self, futures: Sequence[asyncio.Future[Any]]) -> None:
        self.is_so = False
        self._futures = futures

    def __call__(self) -> None:
        self.is_so = True
        for future in self._futures:
            future.cancel()


@dataclass
class Call:
    """A request of HTTP.

    Attributes:
        items, tokens: what it brought, for the log.
    """

    scope: Scope
    receive: Receive
    service: Service
    model: str = ""
    items: int = 0
    tokens: int = 0

    def parameter(self, name: str) -> str:
        """A part of the path."""
        return str(self.scope["path_params"][name])

    def header(self, name: bytes) -> bytes | None:
        """The first header of this name, which is in lower case; None where there is none."""
        return next((value for key, value in self.scope["headers"] if key == name), None)

    async def body(self) -> bytes:
        """See `read_body`."""
        return await read_body(self.scope, self.receive, self.service.options.limits)

    def named(self, name: object) -> Model:
        """See Models.named."""
        return self.using(self.service.models.named(name))

    def of_task(self, tasks: Sequence[str], name: object = None) -> Model:
        """See Models.of_task."""
        return self.using(self.service.models.of_task(tasks, name))

    def using(self, model: Model) -> Model:
        """Note which model answers."""
        self.model = model.name
        return model

    async def answers(
        self, model: Model, requests: Sequence[Any], field: str = "instances"
    ) -> list[Answered[Any] | Problem]:
        """Each request's answer or why it has none, in order; `field` is where they stood.

        Raises:
            Problem: they are too many, or the server takes none.
            ClientDisconnect: the client went away, and what had not begun was cancelled.
        """
        limits = self.service.options.limits
        self.items = len(requests)
        if not 1 <= len(requests) <= limits.items:
            raise problem(
                413 if requests else 422,
                "items",
                f"{field} has {len(requests)} items, expected 1 to {limits.items}; split the request",
                field,
            )
        try:
            futures = model.batcher.begin(requests, limits.seconds)
        except Exception as error:
            raise of_error(error) from error
        return [self._noted(outcome) for outcome in await self.awaited(futures)]

    async def answer(self, model: Model, request: Any) -> Answered[Any]:
        """One request's answer; raises Problem and ClientDisconnect."""
        (outcome,) = await self.answers(model, [request])
        if isinstance(outcome, Problem):
            raise outcome
        return outcome

    async def awaited(self, futures: Sequence[asyncio.Future[Any]]) -> list[Any]:
        """What each ended with, an error as it is; while the client is there.

        Raises:
            ClientDisconnect: it is not.
        """
        gone = _Gone(futures)
        connection: Connection = self.scope["connection"]
        connection.watch(gone)
        try:
            return [await _outcome(future) for future in futures]
        except asyncio.CancelledError:
            if gone.is_so:
                raise ClientDisconnect from None
            raise
        finally:
            connection.unwatch(gone)
            for future in futures:
                future.cancel()

    def _noted(self, outcome: Any) -> Answered[Any] | Problem:
        if isinstance(outcome, Answered):
            self.tokens += outcome.tokens
            return outcome
        if isinstance(outcome, InternalError):
            # Its words may quote the client's text: the place in the sources is what helps.
            place = re.findall(r"\(([\w.]+, line \d+)\)", str(outcome))
            _log.error("a request met a fault of the server", extra={"fields": {"model": self.model, "where": place}})
        return of_error(outcome)


async def _outcome(future: asyncio.Future[Any]) -> Any:
    try:
        return await future
    except Exception as error:
        return error


@dataclass
class Answer:
    """What is sent back at once: a body that is whole."""

    body: bytes
    status: int = 200
    content_type: bytes = b"application/json"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def send(self, send: Send) -> None:
        """Send it."""
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", str(len(self.body)).encode()),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def json_answer(value: Any, status: int = 200) -> Answer:
    """A value as JSON; dataclasses become objects, arrays lists."""
    return Answer(encode(value), status)


def encode(value: Any) -> bytes:
    """A value as JSON in UTF-8; see `bert_runtime.record_writers.to_json` for the form of results."""
    return _ENCODER.encode(value)


def _plain(value: Any) -> Any:
    """What msgspec does not know by itself."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} has no JSON form")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
