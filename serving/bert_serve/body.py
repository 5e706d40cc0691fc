"""The body of a request: read within bounds of size and time, and as JSON that says one thing only."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from bert_serve.options import Limits
from bert_serve.problems import problem


async def read_body(scope: Scope, receive: Receive, limits: Limits) -> bytes:
    """The whole body.

    Raises:
        Problem: it is larger than `limits.body`, or was not there in time.
        ClientDisconnect: the client went away before its end.
    """
    declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if declared.isdigit() and int(declared) > limits.body:
        raise _too_large(limits, f"{int(declared)} bytes")
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _read(receive, limits)
    except TimeoutError:
        raise problem(
            408, "slow_body", f"the body was not there after {limits.body_seconds:g} s; send it whole, and faster"
        ) from None


async def _read(receive: Receive, limits: Limits) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        size += len(part)
        if size > limits.body:
            raise _too_large(limits, f"more than {limits.body} bytes")
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def read_json(body: bytes) -> Any:
    """The value that a body stands for.

    Raises:
        Problem: it is no UTF-8, or no JSON.
    """
    if not body:
        raise problem(400, "invalid_json", "the body is empty, expected JSON")
    try:
        return msgspec.json.decode(body)
    except UnicodeDecodeError as error:
        raise problem(
            400, "invalid_utf8", f"the body is no UTF-8 at byte {error.start}, expected JSON in UTF-8"
        ) from None
    except msgspec.DecodeError as error:
        try:
            body.decode()
        except UnicodeDecodeError as broken:
            told = f"the body is no UTF-8 at byte {broken.start}, expected JSON in UTF-8"
            raise problem(400, "invalid_utf8", told) from None
        raise problem(400, "invalid_json", f"the body is no JSON: {error}") from None
    except RecursionError:
        raise problem(400, "invalid_json", "the body is nested too deep, expected a few levels") from None


def read_object(body: bytes) -> dict[str, Any]:
    """The same, of which only an object is taken; raises Problem."""
    value = read_json(body)
    if not isinstance(value, dict):
        raise problem(422, "invalid_request", f"the body is {kind(value)}, expected an object")
    return value


def kind(value: object) -> str:
    """What a value is in JSON's words."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return kinds.get(type(value), "null")


def _too_large(limits: Limits, got: str) -> Exception:
    return problem(413, "body_too_large", f"the body has {got}, expected at most {limits.body}; split the request")
