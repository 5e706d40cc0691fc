"""HTTP as uvicorn speaks it, with bounds on what comes before a request is one: time and bytes of its headers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 2**16
"""Of a request's line and headers."""

MOST_PIPELINED = 64
"""Requests of a connection that wait for the answers before them: without a bound a client could fill the memory."""


def bounded_protocol(seconds: float) -> type[HttpToolsProtocol]:
    """The protocol of connections whose headers must be there after `seconds`, and whose clients must read at least
    something of a long answer in as many."""

    class BoundedProtocol(HttpToolsProtocol):
        """A connection is closed whose headers are slow, or do not end."""

        _timer: asyncio.TimerHandle | None = None
        _unread: asyncio.TimerHandle | None = None
        _size = 0
        _has_headers = False

        def connection_made(self, transport: Any) -> None:
            self._watching: list[Callable[[], None]] = []
            super().connection_made(transport)
            self._await_headers()

        def watch(self, gone: Callable[[], None]) -> None:
            """Call `gone` if the client goes away: a task that awaits it would cost more than all else of a request."""
            if self.transport.is_closing():
                gone()
            self._watching.append(gone)

        def unwatch(self, gone: Callable[[], None]) -> None:
            """The client's going matters no more."""
            self._watching.remove(gone)

        def connection_lost(self, exc: Exception | None) -> None:
            for gone in list(self._watching):
                gone()
            self._stop()
            self._is_read()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._unread = self.loop.call_later(seconds, self.transport.abort)

        def resume_writing(self) -> None:
            self._is_read()
            super().resume_writing()

        def timeout_keep_alive_handler(self) -> None:
            self.transport.abort()  # a close would wait for a client that does not read

        def data_received(self, data: bytes) -> None:
            if self._has_headers:
                super().data_received(data)
                return
            if self._timer is None:  # the next request of a connection that is kept
                self._await_headers()
            self._size += len(data)
            super().data_received(data)
            if self._size > MOST_BYTES and not self._has_headers:
                self._refuse(b"431 Request Header Fields Too Large", b"the headers have more than 65536 bytes")

        def on_headers_complete(self) -> None:
            self._has_headers = True
            self._stop()
            if len(self.pipeline) >= MOST_PIPELINED:
                self.transport.abort()
                return
            super().on_headers_complete()
            self.scope["connection"] = self  # type: ignore[typeddict-unknown-key]

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self._has_headers, self._size = False, 0

        def _await_headers(self) -> None:
            self._timer = self.loop.call_later(seconds, self._expired)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _is_read(self) -> None:
            if self._unread is not None:
                self._unread.cancel()
                self._unread = None

        def _expired(self) -> None:
            if self._size:
                self._refuse(b"408 Request Timeout", b"the headers were not there in time")
            elif not self.transport.is_closing():
                self.transport.close()

        def _refuse(self, status: bytes, told: bytes) -> None:
            if self.transport.is_closing():
                return
            body = b'{"error":{"code":"headers","message":"' + told + b'"}}'
            head = (
                b"HTTP/1.1 " + status + b"\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: "
            )
            self.transport.write(head + str(len(body)).encode() + b"\r\n\r\n" + body)
            self.transport.close()

    return BoundedProtocol
