"""One process that serves: uvicorn around the application, and how it ends without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import resource
import signal
import socket
import ssl
import sys
import threading
import time
from types import FrameType

import uvicorn

from bert_serve.app import application
from bert_serve.options import ServeOptions
from bert_serve.protocol import bounded_protocol
from bert_serve.service import Service

KEEP_ALIVE = 65
"""Seconds that an idle connection is kept: longer than load balancers keep theirs, which must be the first to close."""

SWITCH_INTERVAL = 0.002
"""Seconds after which a thread must let another have the interpreter: with Python's own 5 ms, the event loop would wait
so long for each thread that encodes or decodes."""

_OTHER_FILES = 256
"""Files that are no connection: bundles, libraries, pipes."""

_LAST_REQUESTS = 0.5
"""Seconds in which requests that are on their way arrive."""

_log = logging.getLogger("bert_serve")


def serve(options: ServeOptions, listening: socket.socket) -> None:
    """Answer on a socket until a signal ends it: SIGTERM or SIGINT; SIGHUP loads the bundles again.

    Raises:
        BertError: a bundle cannot be loaded.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    _allow_files(options.connections + _OTHER_FILES)
    service = Service(options)
    try:
        server = DrainingServer(_config(options, service), service)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=service.models.reload).start())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.handle_exit)
        for model in service.models:
            _log.info("the model %s is ready: %s, %s", model.name, model.task, model.artefact)
        server.run(sockets=[listening])
    finally:
        service.close()
        _log.info("closed")


def _allow_files(count: int) -> None:
    """Raise the number of files that this process may open, as far as it is allowed to: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class DrainingServer(uvicorn.Server):
    """Once it is told to stop, it is not ready any more and closes each connection with its next answer, so that
    clients go elsewhere; after `drain_seconds` it takes no more, and ends when everything is answered."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        protocol = bounded_protocol(service.options.limits.header_seconds)
        config.http = protocol
        super().__init__(config)
        self._protocol = protocol
        self._service = service
        self._stops_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: the first drains, the second ends at once."""
        if self._stops_at is not None:
            self.should_exit = self.force_exit = True
            return
        _log.info("closing", extra={"fields": {"signal": signal.Signals(sig).name}})
        self._service.is_draining = True
        self._stops_at = time.monotonic() + self._service.options.drain_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn: listen, and say so."""
        await super().startup(sockets)
        scheme = "https" if self.config.is_ssl else "http"
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            _log.info("listening", extra={"fields": {"address": f"{scheme}://{host}:{port}"}})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn: take no more connections, and let those that are there bring the requests that are on their way.

        The system has accepted connections that nobody has taken yet; closing the socket would reset them.
        """
        for listening in sockets or ():
            await self._take_waiting(listening)
            listening.close()
        for server in self.servers:
            server.close()
        until = time.monotonic() + _LAST_REQUESTS
        while self.server_state.connections and time.monotonic() < until:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)

    async def _take_waiting(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connect = functools.partial(
            self._protocol, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        # Bounded in time: clients that connect again and again would keep the socket open for ever, and so would one
        # that never ends its TLS handshake.
        handshake = _LAST_REQUESTS if self.config.ssl else None
        until = time.monotonic() + _LAST_REQUESTS
        with contextlib.suppress(BlockingIOError):
            while time.monotonic() < until:
                connection, _ = listening.accept()
                connection.setblocking(False)
                with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):
                    await loop.connect_accepted_socket(
                        connect, connection, ssl=self.config.ssl, ssl_handshake_timeout=handshake
                    )

    async def on_tick(self, counter: int) -> bool:
        """See uvicorn: ten times a second, whether to end."""
        if self._stops_at is not None and time.monotonic() >= self._stops_at:
            self.should_exit = True
        return await super().on_tick(counter)


def _config(options: ServeOptions, service: Service) -> uvicorn.Config:
    tls = options.tls
    limits = options.limits
    return uvicorn.Config(
        application(service),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=options.connections,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(limits.seconds + limits.body_seconds) + 1,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
        ssl_ca_certs=str(tls.client_ca) if tls and tls.client_ca else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls and tls.client_ca else ssl.CERT_NONE,
    )
