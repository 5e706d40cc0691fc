"""The tasks' own JSON over HTTP is what `bert-run --json` prints, item by item; and a text comes as it grows."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from tests.serving.conftest import GOLDEN, TASKS, Running
from tests.spoilt import BEYOND, NOT_A_NUMBER

from bert_runtime import load
from bert_runtime.record_writers import to_json


def flat(value: Any) -> Iterator[Any]:
    """What a JSON value holds, numbers with a fraction nearly."""
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, list | tuple):
        for part in value:
            yield from flat(part)
    else:
        yield pytest.approx(value, abs=1e-4) if isinstance(value, float) else value


@pytest.mark.parametrize("task", TASKS)
def test_each_task_answers_as_bert_run_does(server: Running, task: str) -> None:
    with load(GOLDEN / task) as session:
        requests = [dict(request) for request in session.task.examples_for(session.text)]
        requests = [request | ({"max_new_tokens": 4} if task == "text-generation" else {}) for request in requests]
        answered = [
            (request, to_json(answer))
            for request, answer in zip(requests, session.predict(requests, errors="return"), strict=True)
            if not isinstance(answer, Exception)
        ][:4]
    assert answered
    for request, expected in answered:
        reply = server.post(f"/v1/models/{task}:predict", request)
        assert reply.status == 200
        assert reply.headers["bert-artefact"].endswith("CPUExecutionProvider")
        assert list(flat(reply.json)) == list(flat(expected))
    many = server.post(f"/v1/models/{task}:predict", {"instances": [request for request, _ in answered]})
    assert list(flat(many.json["predictions"])) == list(flat([expected for _, expected in answered]))


def test_an_instance_that_has_no_answer_takes_no_other_with_it(server: Running) -> None:
    instances = ["a film", {"text": "bad", "top_k": 0}, {"txt": 1}, f"a {BEYOND}", NOT_A_NUMBER, 5, {"text": "a film"}]
    reply = server.post("/v1/models/spoilt:predict", {"instances": instances, "parameters": {"threshold": 0.4}})
    answers = reply.json["predictions"]
    assert reply.status == 200
    assert [answer.get("error", {}).get("code") for answer in answers] == [
        *(None, "invalid_request", "invalid_request", "engine", "engine", "invalid_request", None)
    ]
    assert "top_k is 0" in answers[1]["error"]["message"]
    assert len(answers[2]["error"]["problems"]) == 2
    assert answers[0]["labels"] == answers[6]["labels"]


def test_where_no_instance_has_an_answer_the_status_says_so(server: Running) -> None:
    reply = server.post("/v1/models/text-classification:predict", {"instances": [1, {"text": None}]})
    assert reply.status == 422
    assert len(reply.json["predictions"]) == 2


def events(server: Running, request: dict[str, Any]) -> list[tuple[str, Any]]:
    asked = urllib.request.Request(
        f"{server.url}/v1/models/text-generation:predict",
        json.dumps(request).encode(),
        {"accept": "text/event-stream"},
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        blocks = answer.read().decode().split("\n\n")[:-1]
    found = []
    for block in blocks:
        name, _, data = block.rpartition("\ndata: ") if block.startswith("event") else ("event: ", "", block[6:])
        found.append((name.removeprefix("event: "), json.loads(data)))
    return found


def test_a_text_is_told_as_it_grows_and_whole_at_the_end(server: Running) -> None:
    request = {"prompt": "a film", "max_new_tokens": 7}
    *parts, (last, whole) = events(server, request)
    assert last == "done"
    assert len(parts) > 1
    assert "".join(part["text"] for _, part in parts) == whole["sequences"][0]["text"]
    assert whole == server.post("/v1/models/text-generation:predict", request).json


def test_a_stream_that_cannot_begin_has_its_own_status(server: Running) -> None:
    accept = {"accept": "text/event-stream"}
    for path, body, told in (
        ("text-generation", {"prompt": "a", "max_new_tokens": 3, "num_beams": 2}, "streaming with num_beams 2"),
        ("text-generation", {"prompt": "a", "max_new_tokens": 0}, "max_new_tokens is 0"),
        ("text-classification", {"text": "a"}, "has no text to stream"),
        ("text-generation", {"instances": []}, "a stream is of one text"),
    ):
        reply = server.post(f"/v1/models/{path}:predict", body, accept)
        assert (reply.status, told in reply.json["error"]["message"]) == (422, True), reply.body


def test_models_are_listed_with_task_and_artefact(server: Running) -> None:
    listed = server.get("/v1/models").json["data"]
    assert [model["task"] for model in listed][: len(TASKS)] == list(TASKS)
    assert listed[0]["precision"] == "fp32"
    assert server.get("/v1/models/reranker").json["labels"] == ["relevance"]
    assert str(GOLDEN.parent) not in server.get("/v1/models").body.decode()
