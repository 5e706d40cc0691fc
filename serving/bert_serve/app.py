"""The application of ASGI: every address, behind the gate."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send

from bert_serve.call import Call, json_answer
from bert_serve.endpoint import Sendable, get
from bert_serve.gate import Gate
from bert_serve.openapi import openapi
from bert_serve.routes import health, inference_protocol, openai, page, pipelines, predict, text_embeddings
from bert_serve.service import Service


def application(service: Service) -> Gate:
    """What a server of ASGI runs."""
    routes: list[BaseRoute] = [
        *predict.ROUTES,
        *openai.ROUTES,
        *text_embeddings.ROUTES,
        *inference_protocol.ROUTES,
        *health.ROUTES,
        *page.ROUTES,
        *pipelines.ROUTES,
        get("/openapi.json", _openapi),
    ]
    return Gate(Router(routes, default=_nowhere, redirect_slashes=False), service, page.PATHS)


async def _openapi(call: Call) -> Sendable:
    return json_answer(openapi(call.service.models))


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    raise HTTPException(404)
