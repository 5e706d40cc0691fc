"""Whether the server lives and takes requests, and its figures."""

from __future__ import annotations

from starlette.routing import BaseRoute

from bert_serve.call import Answer, Call, json_answer
from bert_serve.endpoint import Sendable, get
from bert_serve.metrics import CONTENT_TYPE
from bert_serve.problems import problem


async def live(call: Call) -> Sendable:
    """The process answers."""
    return json_answer({"status": "live"})


async def ready(call: Call) -> Sendable:
    """It takes requests: every model is loaded, and nobody told it to stop."""
    if call.service.is_draining:
        raise problem(503, "closing", "the server is closing; ask another")
    return json_answer({"status": "ready"})


async def metrics(call: Call) -> Sendable:
    """Figures for Prometheus."""
    for model in call.service.models:
        call.service.metrics.waiting.labels(model.name).set(model.batcher.waiting)
    return Answer(call.service.metrics.text(), content_type=CONTENT_TYPE.encode())


ROUTES: list[BaseRoute] = [get("/health/live", live), get("/health/ready", ready), get("/metrics", metrics)]
