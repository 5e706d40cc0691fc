"""An address of the server: a function that answers, and the form in which its protocol tells of a problem."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from bert_serve.call import Answer, Call, json_answer
from bert_serve.problems import Problem


class Sendable(Protocol):
    """An answer, whole or in parts."""

    async def send(self, send: Send) -> None:
        """Send it."""


Handler = Callable[[Call], Awaitable[Sendable]]
"""Answers a call; raises Problem."""

Form = Callable[[Problem], Any]
"""A problem as the JSON of a protocol."""


def own_form(problem: Problem) -> Any:
    """The tasks' own JSON; clients of OpenAI find the message where they look for it."""
    return problem.to_dict()


def text_form(problem: Problem) -> Any:
    """The Open Inference Protocol, and text-embeddings-inference: the message, the cause, and the field."""
    return {"error": str(problem), "error_type": problem.code, "field": problem.faults[0].field}


def problem_answer(problem: Problem, form: Form = own_form) -> Answer:
    """A problem as an answer."""
    answer = json_answer(form(problem), problem.status)
    answer.headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    return answer


class Endpoint:
    """An application of ASGI for one address."""

    def __init__(self, handler: Handler, form: Form = own_form) -> None:
        self._handler = handler
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        call = Call(scope, receive, scope["state"]["service"])
        scope["state"]["call"] = call
        try:
            answer = await self._handler(call)
        except Problem as problem:
            scope["state"]["code"] = problem.code
            answer = problem_answer(problem, self._form)
        await answer.send(send)


def get(path: str, handler: Handler, form: Form = own_form) -> Route:
    """An address that is read."""
    return Route(path, Endpoint(handler, form), methods=["GET"])


def post(path: str, handler: Handler, form: Form = own_form) -> Route:
    """An address that is asked."""
    return Route(path, Endpoint(handler, form), methods=["POST"])
