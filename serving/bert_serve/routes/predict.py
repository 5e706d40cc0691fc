"""The tasks' own JSON: one request or many, answered as `bert-run --json` does; and a text as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute
from starlette.types import Send

from bert_runtime.errors import Problem as Fault
from bert_runtime.serving import TextStream
from bert_serve.body import kind, read_object
from bert_serve.call import Answer, Call, encode, json_answer
from bert_serve.endpoint import Sendable, get, post
from bert_serve.models import Model
from bert_serve.problems import Problem, of_error, problem

MANY = ("instances", "parameters")
"""The fields of a body that brings many requests: the requests, and what they have in common."""


async def predict(call: Call) -> Sendable:
    """Answer one request, or each of `instances`; an instance that has no answer has an error in its place."""
    model = call.named(call.parameter("name"))
    value = read_object(await call.body())
    is_many = "instances" in value
    if _wants_stream(call):
        return await _stream(call, model, value)
    if not is_many:
        answered = await call.answer(model, value)
        return _from(model, json_answer(answered.result))
    outcomes = await call.answers(model, _instances(value))
    answers = [each.to_dict() if isinstance(each, Problem) else each.result for each in outcomes]
    failed = [each for each in outcomes if isinstance(each, Problem)]
    if failed:
        call.scope["state"]["code"] = failed[0].code
    status = failed[0].status if len(failed) == len(outcomes) else 200
    return _from(model, json_answer({"predictions": answers}, status))


def _instances(value: Mapping[str, Any]) -> list[Any]:
    told = "unknown field {!r:.60}; many requests are " + " and ".join(MANY)
    wrong: list[str] = [Fault("unknown-field", key, told.format(key)) for key in value if key not in MANY]
    instances, shared = value["instances"], value.get("parameters", {})
    if not isinstance(instances, list):
        wrong.append(Fault("wrong-type", "instances", f"instances is {kind(instances)}, expected a list of requests"))
    if not isinstance(shared, dict):
        message = f"parameters is {kind(shared)}, expected an object with fields that all instances share"
        wrong.append(Fault("wrong-type", "parameters", message))
    if wrong:
        raise Problem(422, "invalid_request", wrong)
    return [{**shared, **each} if isinstance(each, dict) else each for each in instances]


def _from(model: Model, answer: Answer) -> Answer:
    """The answer, with the artefact that gave it."""
    answer.headers.append((b"bert-artefact", model.artefact.encode()))
    return answer


def _wants_stream(call: Call) -> bool:
    return b"text/event-stream" in (call.header(b"accept") or b"")


async def _stream(call: Call, model: Model, value: dict[str, Any]) -> Sendable:
    """The first part is awaited here, so that a request that cannot be answered has its own status."""
    if "instances" in value:
        raise problem(
            422, "invalid_request", "instances is given, expected one request: a stream is of one text", "instances"
        )
    try:
        stream = model.batcher.stream(value, call.service.options.limits.seconds)
        call.items = 1
        first = await anext(stream, None)
    except Exception as error:
        raise of_error(error) from error
    return EventStream(call, model, stream, first)


@dataclass
class EventStream:
    """Server-sent events: the parts of a text, and `done` with the whole answer or `error` at the end."""

    call: Call
    model: Model
    stream: TextStream
    first: str | None

    async def send(self, send: Send) -> None:
        """Send the parts as they come; where the client goes away, the text grows no further."""
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"bert-artefact", self.model.artefact.encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with self.stream:
            try:
                await self._send_parts(send)
            except OSError as error:
                raise ClientDisconnect from error

    async def _send_parts(self, send: Send) -> None:
        gone = asyncio.ensure_future(self._until_gone())
        try:
            if self.first is not None:
                await _event(send, "", {"text": self.first})
            async for part in self.stream:
                await _event(send, "", {"text": part})
            answered = self.stream.answered
            self.call.tokens = answered.tokens
            await _event(send, "done", answered.result)
        except asyncio.CancelledError:
            if gone.done() and not gone.cancelled():
                raise ClientDisconnect from None
            raise
        except Exception as error:
            told = of_error(error)
            self.call.scope["state"]["code"] = told.code
            await _event(send, "error", told.to_dict()["error"])
        finally:
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _until_gone(self) -> None:
        while (await self.call.receive())["type"] != "http.disconnect":
            pass
        self.stream.close()


async def _event(send: Send, name: str, value: Any) -> None:
    head = f"event: {name}\n".encode() if name else b""
    await send({"type": "http.response.body", "body": head + b"data: " + encode(value) + b"\n\n", "more_body": True})


async def models(call: Call) -> Sendable:
    """What is served, in the form of OpenAI's list of models, with task and artefact."""
    listed = [describe(model) for model in call.service.models]
    return json_answer({"object": "list", "data": listed})


async def one_model(call: Call) -> Sendable:
    """One of them."""
    if call.parameter("name").endswith(":predict"):
        raise HTTPException(405, headers={"allow": "POST"})
    return json_answer(describe(call.named(call.parameter("name"))))


def describe(model: Model) -> dict[str, Any]:
    """A model as clients see it; paths are the server's own affair."""
    record, session = model.session.record, model.session
    return {
        "id": model.name,
        "object": "model",
        "created": 0,
        "owned_by": "bert-export",
        "task": model.task,
        "target": session.artefact.target,
        "precision": session.artefact.precision,
        "engine": session.engine.name,
        "max_length": record.tokenizer.max_length,
        "labels": list(record.settings.labels),
        "mask_token": session.text.mask_token,
        "reads_encoder": session.artefact.cross_kv_graph is not None,
        "examples": [dict(example) for example in session.task.examples_for(session.text)[:3]],
    }


ROUTES: list[BaseRoute] = [
    post("/v1/models/{name}:predict", predict),  # first, for it is asked most
    get("/v1/models", models),
    get("/v1/models/{name}", one_model),
]
