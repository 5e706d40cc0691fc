"""The description of every address, as OpenAPI 3.1 has it: requests and results of each model's own task."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import numpy as np

from bert_runtime.tasks.task import Task
from bert_runtime.tasks.text_generation import EncoderStates
from bert_runtime.version import __version__
from bert_serve.models import Model

Schema = dict[str, Any]

_FAULT: Schema = {
    "type": "object",
    "required": ["code", "field"],
    "properties": {"code": {"type": "string"}, "field": {"type": "string"}},
}
_PROBLEM: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "field", "message", "problems", "faults"],
            "properties": {
                "code": {"type": "string"},
                "field": {"type": "string"},
                "message": {"type": "string"},
                "problems": {"type": "array", "items": {"type": "string"}},
                "faults": {"type": "array", "items": _FAULT},
            },
        }
    },
}
_MESSAGE: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": ["string", "object"]},
        "error_type": {"type": "string"},
        "field": {"type": "string"},
    },
}
_STATUSES = {
    "400": "the body is no JSON, or a tensor is wrong",
    "401": "no valid API key",
    "404": "no such model",
    "405": "another method",
    "408": "the body was too slow",
    "413": "the body is too large, has too many items, or a text is too long",
    "422": "the request is wrong; every problem names its field",
    "429": "the queue is full; see Retry-After",
    "500": "the engine failed, or the server",
    "503": "the server is closing, or has too many connections",
    "504": "there was no answer in time",
}
_STRINGS: Schema = {"type": "array", "items": {"type": "string"}, "minItems": 1}


def openapi(models: Iterable[Model]) -> Schema:
    """The document of a server with these models."""
    served = list(models)
    paths: Schema = {}
    schemas: Schema = {"Problem": _PROBLEM, "Message": _MESSAGE}
    for model in served:
        name = model.session.task.name
        schemas[f"{name}-request"], schemas[f"{name}-result"] = task_schemas(model.session.task)
        paths[f"/v1/models/{model.name}:predict"] = {"post": _predict(model)}
    names = [model.name for model in served]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "bert-serve",
            "version": __version__,
            "description": "Answers from bundles of bert-export.",
        },
        "paths": {**paths, **_fixed_paths(names)},
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def task_schemas(task: Task[Any, Any, Any]) -> tuple[Schema, Schema]:
    """The schemas of a task's request and of its result."""
    decoded = typing.get_type_hints(task.head.decode)["return"]
    return dataclass_schema(task.request, is_request=True), schema_of(decoded)


def dataclass_schema(cls: type, is_request: bool = False) -> Schema:
    """An object with the fields of a dataclass; of a request, those without a default are required."""
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cls)
    required = [each.name for each in fields if not is_request or each.default is dataclasses.MISSING]
    return {
        "type": "object",
        "properties": {each.name: schema_of(hints[each.name]) for each in fields},
        "required": required,
        "additionalProperties": False,
    }


def schema_of(hint: Any) -> Schema:
    """The schema of a type's values as JSON has them."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return {"anyOf": [schema_of(each) for each in arguments]}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": schema_of(arguments[0])}
    if origin is np.ndarray:
        return {"type": "array", "items": {"type": ["number", "array"]}}
    return _class_schema(hint)


def _class_schema(cls: Any) -> Schema:
    if cls is EncoderStates:
        lists = {"hidden": {"type": "array"}, "mask": {"type": "array"}}
        return {"type": "object", "required": ["hidden"], "properties": lists}
    if isinstance(cls, type) and issubclass(cls, Enum):
        return {"enum": [each.value for each in cls]}
    if isinstance(cls, type) and dataclasses.is_dataclass(cls):
        return dataclass_schema(cls)
    return {"type": _TYPES.get(cls, "object")}


_TYPES: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def _predict(model: Model) -> Schema:
    name = model.session.task.name
    request: Schema = {"$ref": f"#/components/schemas/{name}-request"}
    result: Schema = {"$ref": f"#/components/schemas/{name}-result"}
    many = {
        "type": "object",
        "required": ["instances"],
        "properties": {"instances": {"type": "array", "items": {}, "minItems": 1}, "parameters": {"type": "object"}},
        "additionalProperties": False,
    }
    predictions = {
        "type": "object",
        "required": ["predictions"],
        "properties": {"predictions": {"type": "array", "items": {"anyOf": [result, _ref("Problem")]}}},
    }
    operation = _operation(f"{name} by {model.name}", {"anyOf": [request, many]}, {"anyOf": [result, predictions]})
    # Where no instance has an answer, each has its own problem.
    for status in ("422", "500", "504"):
        content = operation["responses"][status]["content"]
        content["application/json"]["schema"] = {"anyOf": [_ref("Problem"), predictions]}
    if model.session.task.is_autoregressive:
        operation["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    return operation


def _fixed_paths(names: list[str]) -> Schema:
    name = {"name": "name", "in": "path", "required": True, "schema": {"enum": names}}
    inputs: Schema = {"type": "object", "required": ["inputs"], "properties": {"inputs": {}}}
    anything: Schema = {}
    embeddings: Schema = {
        "type": "object",
        "required": ["input", "model"],
        "properties": {
            "input": {"anyOf": [{"type": "string"}, _STRINGS]},
            "model": {"enum": names},
            "encoding_format": {"enum": ["float", "base64"]},
        },
    }
    rerank: Schema = {
        "type": "object",
        "required": ["query", "texts"],
        "properties": {"query": {"type": "string"}, "texts": _STRINGS, "return_text": {"type": "boolean"}},
    }
    inference: Schema = {
        "type": "object",
        "required": ["inputs"],
        "properties": {"inputs": {"type": "array", "items": {"type": "object"}, "minItems": 1}},
    }
    by_name = {"parameters": [name]}
    return {
        "/v1/models": {"get": _operation("the models", None, anything)},
        "/v1/models/{name}": {**by_name, "get": _operation("one model", None, anything)},
        "/v1/embeddings": {"post": _operation("vectors, as OpenAI's clients ask", embeddings, anything)},
        "/embed": {"post": _operation("vectors", inputs, anything, "Message")},
        "/predict": {"post": _operation("labels", inputs, anything, "Message")},
        "/rerank": {"post": _operation("texts by how well they answer a query", rerank, anything, "Message")},
        "/models/{name}": {**by_name, "post": _operation("a task's pipeline", inputs, anything, "Message")},
        "/v2": {"get": _operation("the server", None, anything, "Message")},
        "/v2/health/live": {"get": _operation("whether it lives", None, anything, "Message")},
        "/v2/health/ready": {"get": _operation("whether it takes requests", None, anything, "Message")},
        "/v2/models/{name}": {**by_name, "get": _operation("tensors", None, anything, "Message")},
        "/v2/models/{name}/infer": {**by_name, "post": _operation("tensors or texts", inference, anything, "Message")},
        "/health/live": {"get": _operation("whether the process lives", None, anything)},
        "/health/ready": {"get": _operation("whether it takes requests", None, anything)},
    }


def _operation(summary: str, request: Schema | None, result: Schema, problem: str = "Problem") -> Schema:
    statuses = _STATUSES if request is not None else {key: _STATUSES[key] for key in ("401", "404", "405", "503")}
    operation: Schema = {
        "summary": summary,
        "security": [{"key": []}, {}],
        "responses": {
            "200": {"description": "the answer", "content": {"application/json": {"schema": result}}},
            **{
                status: {"description": told, "content": {"application/json": {"schema": _ref(problem)}}}
                for status, told in statuses.items()
            },
        },
    }
    if request is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": request}}}
    return operation


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
