"""Whatever a client sends that is wrong: a 4xx that names it, one line in the log, and nothing else disturbed."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.serving.conftest import Running

PREDICT = "/v1/models/text-classification:predict"


@pytest.fixture(autouse=True)
def nothing_else_is_disturbed(server: Running) -> Iterator[None]:
    right = server.post(PREDICT, {"text": "a good film"})
    yield
    after = server.post(PREDICT, {"text": "a good film"})
    assert (after.status, after.json) == (right.status, right.json)
    assert server.get("/health/ready").status == 200


BAD: dict[str, tuple[str, str, Any, int, str, str]] = {
    "no JSON": ("POST", PREDICT, b'{"text": ', 400, "invalid_json", "the body is no JSON"),
    "two values": ("POST", PREDICT, b'{"text": "a"} {}', 400, "invalid_json", "the body is no JSON"),
    "empty body": ("POST", PREDICT, b"", 400, "invalid_json", "the body is empty"),
    "NaN": ("POST", PREDICT, b'{"text": "a", "threshold": NaN}', 400, "invalid_json", "the body is no JSON"),
    "deep": ("POST", PREDICT, b"[" * 9000 + b"]" * 9000, 400, "invalid_json", "nested too deep"),
    "no UTF-8": ("POST", PREDICT, b'{"text": "\xff\xfe"}', 400, "invalid_utf8", "no UTF-8 at byte 10"),
    "lone surrogate": ("POST", PREDICT, b'{"text": "\\ud800"}', 400, "invalid_json", "no JSON"),
    "a list": ("POST", PREDICT, [1], 422, "invalid_request", "the body is a list, expected an object"),
    "a text": ("POST", PREDICT, "a film", 422, "invalid_request", "the body is a string, expected an object"),
    "wrong type": ("POST", PREDICT, {"text": 5, "top_k": "x"}, 422, "invalid_request", "text is 5 (int)"),
    "wrong value": ("POST", PREDICT, {"text": "a", "top_k": 0}, 422, "invalid_request", "top_k is 0, expected 1"),
    "missing field": ("POST", PREDICT, {}, 422, "invalid_request", "missing field 'text'"),
    "unknown field": ("POST", PREDICT, {"text": "a", "txt": 1}, 422, "invalid_request", "unknown field 'txt'"),
    "unknown model": ("POST", "/v1/models/no:predict", {}, 404, "unknown_model", "there is no model 'no'"),
    "unknown model v2": ("POST", "/v2/models/no/infer", {}, 404, "unknown_model", "there is no model 'no'"),
    "unknown address": ("POST", "/v1/nothing", {}, 404, "not_found", "nothing at this address"),
    "wrong method": ("GET", PREDICT, None, 405, "method", "the method is GET, expected POST"),
    "large body": ("POST", PREDICT, {"text": "a " * 12_000}, 413, "body_too_large", "expected at most 20000"),
    "10,000 items": ("POST", PREDICT, {"instances": [0] * 5_000}, 413, "items", "has 5000 items, expected 1 to 16"),
    "no items": ("POST", PREDICT, {"instances": []}, 422, "items", "has 0 items"),
    "instances no list": ("POST", PREDICT, {"instances": {}}, 422, "invalid_request", "instances is an object"),
    "instances and more": ("POST", PREDICT, {"instances": [1], "x": 1}, 422, "invalid_request", "unknown field 'x'"),
    "embeddings without input": (
        "POST",
        "/v1/embeddings",
        {"model": "feature-extraction"},
        422,
        "invalid_request",
        "input is null",
    ),
    "embeddings of tokens": (
        *("POST", "/v1/embeddings", {"model": "feature-extraction", "input": [[1, 2]]}),
        *(422, "invalid_request", "lists of tokens are not taken"),
    ),
    "embeddings of a classifier": (
        *("POST", "/v1/embeddings", {"model": "spoilt", "input": "a"}),
        *(422, "wrong_task", "is of text-classification, expected feature-extraction"),
    ),
    "embed a number": ("POST", "/embed", {"inputs": [1]}, 422, "invalid_request", "inputs[0] is a number"),
    "predict a triple": ("POST", "/predict", {"inputs": ["a", "b", "c"]}, 422, "invalid_request", "a list of 3"),
    "rerank nothing": ("POST", "/rerank", {"query": "a", "texts": []}, 422, "items", "texts has 0 items"),
    "rerank without query": ("POST", "/rerank", {"texts": ["a"]}, 422, "invalid_request", "query is null"),
    "a long text that may not be cut": (
        *("POST", "/embed", {"inputs": "a " * 200, "truncate": False}),
        *(413, "too_long", "inputs[0] has more than 32 tokens"),
    ),
    "pipeline parameter": (
        *("POST", "/models/fill-mask", {"inputs": "a [MASK]", "parameters": {"k": 1}}),
        *(422, "invalid_request", "unknown parameter 'k'; there are top_k, targets"),
    ),
}


FIELDS = {
    "wrong type": "text",
    "wrong value": "top_k",
    "missing field": "text",
    "unknown field": "txt",
    "unknown model": "model",
    "unknown model v2": "model",
    "10,000 items": "instances",
    "no items": "instances",
    "instances no list": "instances",
    "instances and more": "x",
    "embeddings without input": "input",
    "embeddings of tokens": "input[0]",
    "embeddings of a classifier": "model",
    "embed a number": "inputs[0]",
    "predict a triple": "inputs",
    "rerank nothing": "texts",
    "rerank without query": "query",
    "a long text that may not be cut": "inputs[0]",
    "pipeline parameter": "parameters.k",
}
"""The field that each names; the others are no field's."""


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_logged_once(server: Running, case: str) -> None:
    method, path, body, status, code, told = BAD[case]
    trace = f"{abs(hash(case)) + 1:032x}"[:32]
    reply = server.ask(method, path, body, {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert reply.status == status, reply.body
    assert reply.headers["content-type"] == "application/json"
    error = reply.json["error"]
    assert told in (error["message"] if isinstance(error, dict) else error)
    assert code == (error["code"] if isinstance(error, dict) else reply.json["error_type"])
    field = error["field"] if isinstance(error, dict) else reply.json["field"]
    assert field == FIELDS.get(case, "")
    (event,) = server.log(trace_id=trace)
    assert (event["status"], event["code"]) == (status, code)


def test_every_problem_names_its_rule_and_its_field(server: Running) -> None:
    error = server.post(PREDICT, {"text": 5, "top_k": "x", "txt": 1, "activation": "no"}).json["error"]
    wrong = [("unknown-field", "txt"), ("wrong-type", "text"), ("wrong-type", "top_k")]
    assert [(fault["code"], fault["field"]) for fault in error["faults"]] == wrong
    error = server.post(PREDICT, {"text": 5, "top_k": "x", "activation": 1}).json["error"]
    assert error["faults"] == [{"code": "wrong-type", "field": field} for field in ("text", "top_k", "activation")]
    assert (error["code"], error["field"], len(error["problems"])) == ("invalid_request", "text", 3)
    error = server.post("/v1/models/multiple-choice:predict", {"prompt": "a", "choices": ["b", 5]}).json["error"]
    assert error["faults"] == [{"code": "wrong-type", "field": "choices[1]"}]
    instances = server.post(PREDICT, {"instances": ["a", {"text": None}]}).json["predictions"]
    assert instances[1]["error"]["field"] == "text"
    told = server.post("/models/text-classification", {"inputs": ["a"], "parameters": {"top_k": 0}}).json
    assert (told["error_type"], told["field"]) == ("invalid_request", "inputs[0].top_k")


def test_ten_thousand_items_within_a_larger_body_are_counted(server: Running) -> None:
    reply = server.post(PREDICT, b'{"instances": [' + b",".join([b"1"] * 9_990) + b"]}")
    assert (reply.status, reply.json["error"]["code"]) == (413, "items")
    assert "has 9990 items" in reply.json["error"]["message"]


def exchange(server: Running, parts: list[bytes], pause: float = 0.0) -> bytes:
    """What comes back for bytes that are sent one part after another."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
            if b"\r\n\r\n" in received and b"connection: close" not in received:
                break
        return received


HEAD = f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n".encode()


def test_a_body_that_comes_too_slowly_is_ended(server: Running) -> None:
    received = exchange(server, [HEAD, b'{"text": '])
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"slow_body" in received
    assert server.log(code="slow_body")


def test_headers_that_come_too_slowly_are_ended(server: Running) -> None:
    began = time.monotonic()
    received = exchange(server, [b"POST / HTTP/1.1\r\n", b"Host: a\r\n"], pause=0.1)
    assert received.startswith(b"HTTP/1.1 408 ")
    assert exchange(server, []) == b""  # who sends nothing is left without a word
    assert time.monotonic() - began < 10


def test_headers_without_end_are_ended(server: Running) -> None:
    received = exchange(server, [b"GET / HTTP/1.1\r\n" + b"X-A: " + b"a" * 70_000])
    assert received.startswith(b"HTTP/1.1 431 ")


def test_what_is_no_http_is_refused(server: Running) -> None:
    assert exchange(server, [b"\x16\x03\x01 hello\r\n\r\n"]).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_goes_away_in_its_body_or_before_its_answer_disturbs_nobody(server: Running) -> None:
    for parts in ([HEAD, b'{"text": '], [HEAD[:20]], [HEAD, json.dumps({"text": "a " * 40}).encode().ljust(100)]):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            for part in parts:
                connection.sendall(part)
    assert server.log(status=499)


def test_a_chunked_body_beyond_the_limit_is_ended(server: Running) -> None:
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunk = b"4e20\r\n" + b"a" * 20_000 + b"\r\n"
    received = exchange(server, [head, chunk, chunk])
    assert received.startswith(b"HTTP/1.1 413 ")


def test_no_line_of_the_log_holds_a_text(server: Running) -> None:
    secret = "zanzibar"
    server.post(PREDICT, {"text": secret})
    server.post(PREDICT, {"text": secret, "activation": secret})
    server.post(f"/v1/models/{secret}:predict", {secret: secret})
    server.get(f"/{secret}")
    time.sleep(0.2)
    assert [line for line in server.lines if secret in line] == []
