"""One process that serves: uvicorn around the application, and how it ends without losing a request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import ssl
import sys
import threading
import time
from types import FrameType
from typing import Any

import uvicorn

from bert_serve.app import application
from bert_serve.end_signals import EndSignals
from bert_serve.listening import refuse_new
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


def serve(options: ServeOptions, listening: socket.socket, signals: EndSignals, supervisor: int | None = None) -> None:
    """Answer on a socket until a signal ends it: SIGTERM or SIGINT; SIGHUP loads the bundles again.

    Args:
        signals: those of this process, from its first step on.
        supervisor: the process that began this one as a worker, and ends it; None: nobody did.

    Raises:
        BertError: a bundle cannot be loaded.
        KeyboardInterrupt: a signal came before anything was served.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    _allow_files(options.connections + _OTHER_FILES)
    service = Service(options)
    try:
        server = DrainingServer(_config(options, service), service, supervisor)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=service.models.reload).start())
        for model in service.models:
            _log.info("the model %s is ready: %s, %s", model.name, model.task, model.artefact)
        signals.pass_to(server.handle_exit)
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

    def __init__(self, config: uvicorn.Config, service: Service, supervisor: int | None = None) -> None:
        protocol = bounded_protocol(service.options.limits.header_seconds)
        config.http = protocol
        super().__init__(config)
        self._protocol = protocol
        self._service = service
        self._supervisor = supervisor
        self._signal: int | None = None
        self._stops_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal: the first drains, the second ends at once.

        It comes between any two steps of this thread, even within a write to the log: here nothing is written. A
        worker's second signal is its first again where a terminal or an init system tells every process of a group:
        its supervisor knows better, and kills it.
        """
        if self._signal is None:
            self._signal = sig
        elif self._supervisor is None:
            self.should_exit = self.force_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn: listen, and say so."""
        loop = asyncio.get_running_loop()
        config = self.config
        self.servers = [
            await loop.create_server(self._connected, sock=listening, backlog=config.backlog, **self._tls())
            for listening in sockets or ()
        ]
        self.started = True
        scheme = "https" if config.is_ssl else "http"
        for listening in sockets or ():
            host, port = listening.getsockname()[:2]
            _log.info("listening", extra={"fields": {"address": f"{scheme}://{host}:{port}"}})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn: take no more connections, let those that are there bring the requests that are on their way, and
        answer them. It is bounded in time, whatever clients do.

        The system has accepted connections that nobody has taken yet; closing the socket would reset them.
        """
        for listening in sockets or ():
            refuse_new(listening)
            await self._take_waiting(listening)
            listening.close()
        for server in self.servers:
            server.close()
        began, state = time.monotonic(), self.server_state
        limits = self._service.options.limits
        until = began + _LAST_REQUESTS + limits.body_seconds + limits.seconds
        while (state.connections or state.tasks) and not self.force_exit and time.monotonic() < until:
            if time.monotonic() >= began + _LAST_REQUESTS:
                for connection in list(state.connections):  # again and again: a TLS handshake may have ended since
                    connection.shutdown()
            await asyncio.sleep(0.02)
        for connection in list(state.connections):
            connection.transport.abort()
        for task in list(state.tasks):
            task.cancel()

    def _connected(self) -> asyncio.Protocol:
        return self._protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def _tls(self, handshake_seconds: float | None = None) -> dict[str, Any]:
        """What a TLS connection is given: a client that never ends its handshake, or never answers the close of its
        connection, holds nothing up."""
        if self.config.ssl is None:
            return {}
        seconds = handshake_seconds or self._service.options.limits.header_seconds
        return {"ssl": self.config.ssl, "ssl_handshake_timeout": seconds, "ssl_shutdown_timeout": _LAST_REQUESTS}

    async def _take_waiting(self, listening: socket.socket) -> None:
        # Bounded in time, for handshakes of TLS, and systems where clients can connect again and again.
        loop, until = asyncio.get_running_loop(), time.monotonic() + _LAST_REQUESTS
        with contextlib.suppress(BlockingIOError):
            while time.monotonic() < until:
                connection, _ = listening.accept()
                connection.setblocking(False)
                with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):
                    await loop.connect_accepted_socket(self._connected, connection, **self._tls(_LAST_REQUESTS))

    async def on_tick(self, counter: int) -> bool:
        """See uvicorn: ten times a second, whether to end."""
        if self._signal is None and self._supervisor is not None and os.getppid() != self._supervisor:
            self._signal = signal.SIGTERM  # the supervisor was killed, and nobody else will end this process
        if self._signal is not None and self._stops_at is None:
            _log.info("closing", extra={"fields": {"signal": signal.Signals(self._signal).name}})
            self._service.is_draining = True
            self._stops_at = time.monotonic() + self._service.options.drain_seconds
        if self._stops_at is not None and time.monotonic() >= self._stops_at:
            self.should_exit = True
        return await super().on_tick(counter)


def _config(options: ServeOptions, service: Service) -> uvicorn.Config:
    tls = options.tls
    return uvicorn.Config(
        application(service),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=options.connections,
        timeout_keep_alive=KEEP_ALIVE,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
        ssl_ca_certs=str(tls.client_ca) if tls and tls.client_ca else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if tls and tls.client_ca else ssl.CERT_NONE,
    )
