"""Where every request comes in and every answer goes out: keys, traces, figures, logs, and the last word on errors."""

from __future__ import annotations

import logging
import time
from collections.abc import Set
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bert_serve.endpoint import own_form, problem_answer, text_form
from bert_serve.problems import Problem, problem
from bert_serve.service import Service
from bert_serve.trace_context import TraceContext

OPEN = ("/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready")
"""Addresses that need no key, where they are read: they tell nothing of a model."""

CLIENT_GONE = 499
"""The status, in logs and figures alone, of a request whose client did not wait."""

_log = logging.getLogger("bert_serve.requests")


class Gate:
    """The outermost application of ASGI."""

    def __init__(self, app: ASGIApp, service: Service, page: Set[str]) -> None:
        """`page`: addresses of the page, which need no key either."""
        self._app = app
        self._service = service
        self._open = page | frozenset(OPEN)
        self._logs = service.options.log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = _Passage(scope, send, self._service)
        try:
            passage.check_key(self._open)
            await self._app(scope, receive, passage.send)
        except ClientDisconnect:
            passage.status = CLIENT_GONE
        except HTTPException as error:
            await passage.refuse(_of_http(error, scope))
        except Problem as error:
            await passage.refuse(error)
        except Exception as error:
            _log.exception(
                "a request met a fault of the server", extra={"fields": {"trace_id": passage.trace.trace_id}}
            )
            await passage.refuse(problem(500, "internal", "the request met a fault of the server; its log has more"))
            del error
        finally:
            passage.told(self._logs)


class _Passage:
    """One request, while it is answered."""

    def __init__(self, scope: Scope, send: Send, service: Service) -> None:
        self.status = 0
        self._scope = scope
        self._send = send
        self._service = service
        self._began = time.perf_counter()
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.trace = TraceContext.of(next((value for name, value in headers if name == b"traceparent"), None))
        self._headers = [(b"traceparent", self.trace.traceparent.encode())]
        scope["app"] = self  # a route tells of a wrong method by an exception then
        scope["state"] = {"service": service}

    def check_key(self, open_paths: Set[str]) -> None:
        """Raises Problem where a request brings none and needs one."""
        keys = self._service.keys
        is_open = self._scope["method"] in ("GET", "HEAD") and self._scope["path"] in open_paths
        if keys and not is_open and not keys.allow(self._scope["headers"]):
            told = "the request shows no valid API key, expected one in Authorization: Bearer KEY or X-API-Key"
            raise Problem(401, "unauthorized", (told,), {"www-authenticate": "Bearer"})

    async def send(self, message: Message) -> None:
        """Send a part of the answer; the first with what every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._headers]
            if self._service.is_draining or self.status in (408, 413):
                message["headers"].append((b"connection", b"close"))
        await self._send(message)

    async def refuse(self, error: Problem) -> None:
        """Answer with a problem, unless an answer has begun."""
        self._scope["state"]["code"] = error.code
        if self.status:
            self.status = error.status
            return
        form = text_form if self._scope["path"].startswith("/v2") else own_form
        await problem_answer(error, form).send(self.send)

    def told(self, logs: str) -> None:
        """Figures and the log of what became of the request: once, and without a text."""
        seconds = time.perf_counter() - self._began
        state = self._scope["state"]
        route = self._scope.get("route")
        path = getattr(route, "path", "other")
        metrics = self._service.metrics
        metrics.request(path, self.status).observe(seconds)
        code = state.get("code") or ("client_gone" if self.status == CLIENT_GONE else "")
        if code:
            metrics.problems.labels(path, code).inc()
        if logs == "requests" or (logs == "errors" and code):
            _log.log(
                logging.WARNING if code else logging.INFO, "request", extra={"fields": self._fields(path, seconds)}
            )

    def _fields(self, path: str, seconds: float) -> dict[str, Any]:
        state = self._scope["state"]
        fields: dict[str, Any] = {
            "method": self._scope["method"],
            "route": path,
            "status": self.status,
            "ms": round(seconds * 1e3, 2),
            "trace_id": self.trace.trace_id,
            "span_id": self.trace.span_id,
        }
        call = state.get("call")
        if call is not None:
            fields |= {
                name: value
                for name, value in (("model", call.model), ("items", call.items), ("tokens", call.tokens))
                if value
            }
        if "code" in state:
            fields["code"] = state["code"]
        if self.trace.parent_id:
            fields["parent_id"] = self.trace.parent_id
        return fields


def _of_http(error: HTTPException, scope: Scope) -> Problem:
    """What the router says."""
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status_code == 405:
        told = f"the method is {scope['method'][:20]}, expected {headers.get('allow', 'another')}"
        return Problem(405, "method", (told,), headers)
    return Problem(error.status_code, "not_found", ("there is nothing at this address; see /openapi.json",), headers)
