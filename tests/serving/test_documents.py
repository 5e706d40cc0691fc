"""What the documents and the OpenAPI document say is what the server does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from tests.serving.conftest import TASKS, Running

from bert_serve.command import parse

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]


def test_every_command_of_the_documents_has_flags_that_are_there() -> None:
    lines = [line for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()]
    commands = [line for line in lines if line.startswith("bert-serve ")]
    assert commands
    for command in commands:
        parse(shlex.split(command.partition(" #")[0])[1:], {})


def test_the_operations_page_names_the_defaults_and_every_figure(server: Running) -> None:
    page = (ROOT / "docs/guides/operations.md").read_text(encoding="utf-8")
    flags = re.findall(r"^\| `(--[a-z-]+) (\d+)` \|", page, flags=re.MULTILINE)
    assert len(flags) == 7
    default = parse(["a"], {})
    assert parse(["a", *(word for flag in flags for word in flag)], {}) == default
    told = server.get("/metrics").body.decode()
    for name in re.findall(r"^# TYPE (bert_\w+) (?!gauge .*_created)", told, flags=re.MULTILINE):
        if not name.endswith("_created"):
            assert f"`{name}" in page, name


def test_answers_and_problems_fit_the_document(server: Running) -> None:
    document = server.get("/openapi.json").json
    for task in TASKS:
        path = f"/v1/models/{task}:predict"
        responses = document["paths"][path]["post"]["responses"]
        example = server.get(f"/v1/models/{task}").json["examples"][0]
        request = example | ({"max_new_tokens": 3} if task == "text-generation" else {})
        _validate(document, {"$ref": f"#/components/schemas/{task}-request"}, request)
        bodies: tuple[Any, ...] = (request, {"instances": [request, 5]}, {"instances": [5]}, {"nothing": 1}, [])
        for body in bodies:
            reply = server.post(path, body)
            _validate(document, responses[str(reply.status)]["content"]["application/json"]["schema"], reply.json)


def _validate(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(value)


def test_a_document_that_were_wrong_would_be_noticed(server: Running) -> None:
    document = server.get("/openapi.json").json
    with pytest.raises(jsonschema.ValidationError):
        _validate(document, {"$ref": "#/components/schemas/text-classification-result"}, {"labels": [{"label": 1}]})


def test_every_address_of_the_document_is_there(server: Running) -> None:
    for path, operations in server.get("/openapi.json").json["paths"].items():
        for method in operations.keys() & {"get", "post"}:
            reply = server.ask(method.upper(), path.replace("{name}", "text-classification"), None)
            assert reply.status not in (404, 405, 500), (method, path, reply.body)
