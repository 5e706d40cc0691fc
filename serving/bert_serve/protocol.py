"""HTTP as uvicorn speaks it, with bounds on what comes before a request is one: time and bytes of its headers."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 2**16
"""Of a request's line and headers."""


def bounded_protocol(seconds: float) -> type[HttpToolsProtocol]:
    """The protocol of connections whose headers must be there after `seconds`."""

    class BoundedProtocol(HttpToolsProtocol):
        """A connection is closed whose headers are slow, or do not end."""

        _timer: asyncio.TimerHandle | None = None
        _size = 0
        _has_headers = False

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._await_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

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
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self._has_headers, self._size = False, 0

        def _await_headers(self) -> None:
            self._timer = self.loop.call_later(seconds, self._expired)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

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
