"""The Open Inference Protocol, version 2, over HTTP, as clients of KServe and Triton speak it.

A model takes the tensors of its graph, or texts: `text` (the one text that the task needs) or `request` (the task's own
JSON), each BYTES of any one shape. Texts are answered by `answer`, the task's JSON as BYTES of the same shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.routing import BaseRoute

from bert_runtime.manifest import ModelRecord
from bert_runtime.tasks.tensors import REQUEST_AXES, TensorSpec
from bert_runtime.version import __version__
from bert_serve.body import read_object
from bert_serve.call import Answer, Call, encode, json_answer
from bert_serve.endpoint import Sendable, get, post, text_form
from bert_serve.models import Model
from bert_serve.problems import Problem, of_error, problem
from bert_serve.routes import health
from bert_serve.tensors import NAMES, Outgoing, Tensor, read_request, write_response

TEXTS = ("text", "request")
VERSION = "1"


async def server(call: Call) -> Sendable:
    """What the server is."""
    return json_answer({"name": "bert-serve", "version": __version__, "extensions": ["binary_tensor_data"]})


async def model_ready(call: Call) -> Sendable:
    """Whether a model answers."""
    model = _model(call)
    return json_answer({"name": model.name, "ready": not call.service.is_draining})


async def metadata(call: Call) -> Sendable:
    """A model's tensors: those of its graph, and those of texts; a request brings the one or the other."""
    model = _model(call)
    artefact, record = model.session.artefact, model.session.record
    texts = [{"name": name, "datatype": "BYTES", "shape": [-1]} for name in TEXTS if name in _inputs(model)]
    graph = [_described(spec, record) for spec in artefact.inputs]
    answer = [{"name": "answer", "datatype": "BYTES", "shape": [-1]}]
    return json_answer(
        {
            "name": model.name,
            "versions": [VERSION],
            "platform": f"bert_runtime_{artefact.target}_{artefact.precision}",
            "inputs": texts + graph,
            "outputs": answer + [_described(spec, record) for spec in artefact.outputs],
        }
    )


async def infer(call: Call) -> Sendable:
    """Run tensors, or answer texts."""
    model = _model(call)
    value, tensors = read_request(await call.body(), call.header(b"inference-header-content-length"))
    texts = [tensor for tensor in tensors if tensor.name in _inputs(model)]
    if texts and len(tensors) > 1:
        got = ", ".join(tensor.name for tensor in tensors)
        raise problem(400, "invalid_tensor", f"the inputs are {got}, expected {texts[0].name} alone, or the graph's")
    found = await (_answered(call, model, texts[0]) if texts else _run(call, model, tensors))
    outputs = _asked(value, found)
    head: dict[str, Any] = {"model_name": model.name, "model_version": VERSION}
    if isinstance(value.get("id"), str):
        head["id"] = value["id"]
    body, length = write_response(head, outputs)
    if length is None:
        return Answer(body)
    return Answer(
        body,
        content_type=b"application/octet-stream",
        headers=[(b"inference-header-content-length", str(length).encode())],
    )


def _model(call: Call) -> Model:
    version = call.scope["path_params"].get("version", VERSION)
    if version != VERSION:
        raise problem(404, "unknown_model", f"the version is {version!r:.20}, expected {VERSION}")
    return call.named(call.parameter("name"))


def _inputs(model: Model) -> tuple[str, ...]:
    """The tensors of texts that the model takes: `text` where one text makes a request."""
    return TEXTS if len(model.session.task.request.required()) == 1 else ("request",)


async def _answered(call: Call, model: Model, tensor: Tensor) -> list[Tensor]:
    if tensor.datatype != "BYTES":
        told = f"{tensor.name}: datatype is {tensor.datatype}, expected BYTES"
        raise problem(400, "invalid_tensor", told, tensor.name)
    requests: list[Any] = list(tensor.texts)
    if tensor.name == "request":
        requests = [read_object(text.encode()) for text in tensor.texts]
    answers = []
    for i, outcome in enumerate(await call.answers(model, requests, tensor.name)):
        if isinstance(outcome, Problem):
            raise outcome.within(f"{tensor.name}[{i}]")
        answers.append(encode(outcome.result).decode())
    return [Tensor("answer", "BYTES", tensor.shape, texts=tuple(answers))]


async def _run(call: Call, model: Model, tensors: Sequence[Tensor]) -> list[Tensor]:
    feeds = {tensor.name: tensor.array for tensor in tensors if tensor.array is not None}
    call.items = max((len(array) for array in feeds.values() if array.ndim), default=1)
    rows, most = call.items, call.service.options.limits.items
    if rows > most:
        raise problem(413, "items", f"the batch has {rows} rows, expected at most {most}; split the request", "inputs")
    try:
        future = model.batcher.begin_run(feeds, call.service.options.limits.seconds)
    except Exception as error:
        raise of_error(error) from error
    (outcome,) = await call.awaited([future])
    if isinstance(outcome, Exception):
        told = of_error(outcome)
        raise Problem(400 if told.status == 422 else told.status, told.code, told.faults, told.headers)
    outputs: Mapping[str, Any] = outcome.result
    return [Tensor(name, NAMES[str(array.dtype)], array.shape, array) for name, array in outputs.items()]


def _asked(value: Mapping[str, Any], found: Sequence[Tensor]) -> list[Outgoing]:
    """The outputs that a request names, or all of them; as bytes where it wants them so."""
    parameters = value.get("parameters")
    is_binary = isinstance(parameters, dict) and parameters.get("binary_data_output") is True
    asked = value.get("outputs")
    if not asked:
        return [Outgoing(tensor, is_binary) for tensor in found]
    by_name = {tensor.name: tensor for tensor in found}
    outputs = []
    for each in asked if isinstance(asked, list) else [asked]:
        name = each.get("name") if isinstance(each, dict) else None
        if not isinstance(name, str) or name not in by_name:
            told = f"the output {name!r:.60} is unknown, expected {', '.join(by_name)}"
            raise problem(400, "invalid_tensor", told, "outputs")
        own = each.get("parameters")
        wants = own.get("binary_data", is_binary) if isinstance(own, dict) else is_binary
        outputs.append(Outgoing(by_name[name], wants is True))
    return outputs


def _described(spec: TensorSpec, record: ModelRecord) -> dict[str, Any]:
    shape = [-1 if axis in REQUEST_AXES else record.sizes.get(axis, -1) for axis in spec.axes]
    return {"name": spec.name, "datatype": NAMES[spec.dtype], "shape": shape}


ROUTES: list[BaseRoute] = [
    get("/v2", server, text_form),
    get("/v2/", server, text_form),
    get("/v2/health/live", health.live, text_form),
    get("/v2/health/ready", health.ready, text_form),
    get("/v2/models/{name}/ready", model_ready, text_form),
    get("/v2/models/{name}/versions/{version}/ready", model_ready, text_form),
    get("/v2/models/{name}", metadata, text_form),
    get("/v2/models/{name}/versions/{version}", metadata, text_form),
    post("/v2/models/{name}/infer", infer, text_form),
    post("/v2/models/{name}/versions/{version}/infer", infer, text_form),
]
