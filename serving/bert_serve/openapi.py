"""The description of every address, as OpenAPI 3.1 has it: requests and results of each model's own task."""

from __future__ import annotations

from collections.abc import Iterable

from bert_runtime.version import __version__
from bert_serve.models import Model
from bert_serve.routes.pipelines import PIPELINES
from bert_serve.routes.text_embeddings import is_cross_encoder
from bert_serve.task_schemas import Schema, task_schemas
from bert_serve.tensors import DATATYPES

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
_TEXTS: Schema = {"anyOf": [{"type": "string"}, _STRINGS]}
_FLAG: Schema = {"type": ["boolean", "null"]}
_CUT: Schema = {"truncate": _FLAG, "truncation_direction": {"enum": ["right", "Right", None]}}
_EMBEDDINGS: Schema = {
    "encoding_format": {"enum": ["float", "base64"]},
    "dimensions": {"type": ["integer", "null"]},
    "user": {"type": "string"},
}
_TENSOR: Schema = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"enum": ["BYTES", *DATATYPES]},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
        "data": {"type": "array"},
        "parameters": {"type": "object"},
    },
}
_INFER: Schema = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "items": _TENSOR, "minItems": 1},
        "outputs": {"type": "array", "items": {"type": "object"}},
        "parameters": {"type": "object"},
    },
}


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
        "paths": {**paths, **_paths_by_task(served), **_fixed_paths(names)},
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
    }


def _predict(model: Model) -> Schema:
    name = model.session.task.name
    request: Schema = {"$ref": f"#/components/schemas/{name}-request"}
    result: Schema = {"$ref": f"#/components/schemas/{name}-result"}
    instance: Schema = {"anyOf": [request, {"type": "object"}]}  # what it lacks, `parameters` may bring
    if len(model.session.task.request.required()) == 1:
        instance["anyOf"].append({"type": "string"})
    many = {
        "type": "object",
        "required": ["instances"],
        "properties": {
            "instances": {"type": "array", "items": instance, "minItems": 1},
            "parameters": {"type": "object"},
        },
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
    anything: Schema = {}
    by_name = {"parameters": [_named(names)]}
    return {
        "/v1/models": {"get": _operation("the models", None, anything)},
        "/v1/models/{name}": {**by_name, "get": _operation("one model", None, anything)},
        "/v2": {"get": _operation("the server", None, anything, "Message")},
        "/v2/health/live": {"get": _operation("whether it lives", None, anything, "Message")},
        "/v2/health/ready": {"get": _operation("whether it takes requests", None, anything, "Message")},
        "/v2/models/{name}": {**by_name, "get": _operation("tensors", None, anything, "Message")},
        "/v2/models/{name}/infer": {**by_name, "post": _operation("tensors or texts", _INFER, anything, "Message")},
        "/health/live": {"get": _operation("whether the process lives", None, anything)},
        "/health/ready": {"get": _operation("whether it takes requests", None, anything)},
    }


def _paths_by_task(models: list[Model]) -> Schema:
    """Addresses of other services' clients, where a model answers them."""

    def of(task: str) -> list[str]:
        return [model.name for model in models if model.task == task]

    anything: Schema = {}
    found: Schema = {}
    if vectors := of("feature-extraction"):
        embeddings = _body({"input": _TEXTS, "model": {"enum": vectors}}, _EMBEDDINGS)
        found["/v1/embeddings"] = {"post": _operation("vectors, as OpenAI's clients ask", embeddings, anything)}
        embed = _body({"inputs": _TEXTS}, {**_CUT, "normalize": _FLAG, "model": {"enum": [*vectors, None]}})
        found["/embed"] = {"post": _operation("vectors", embed, anything, "Message")}
    if classifiers := of("text-classification"):
        own = {**_CUT, "raw_scores": _FLAG, "model": {"enum": [*classifiers, None]}}
        predict = _body({"inputs": {"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1}]}}, own)
        found["/predict"] = {"post": _operation("labels", predict, anything, "Message")}
    if rankers := [model.name for model in models if is_cross_encoder(model)]:
        own = {**_CUT, "raw_scores": _FLAG, "return_text": _FLAG, "model": {"enum": [*rankers, None]}}
        rerank = _body({"query": {"type": "string"}, "texts": _STRINGS}, own)
        summary = "texts by how well they answer a query"
        found["/rerank"] = {"post": _operation(summary, rerank, anything, "Message")}
    if piped := [model.name for model in models if model.task in (*PIPELINES, "feature-extraction")]:
        inputs = {"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array", "minItems": 1}]}
        pipeline = {"type": "object", "required": ["inputs"], "properties": {"inputs": inputs}}
        operation = _operation("a task's pipeline", pipeline, anything, "Message")
        found["/models/{name}"] = {"parameters": [_named(piped)], "post": operation}
    return found


def _named(names: list[str]) -> Schema:
    return {"name": "name", "in": "path", "required": True, "schema": {"enum": names}}


def _body(required: Schema, optional: Schema) -> Schema:
    properties = {**required, **optional}
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


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
