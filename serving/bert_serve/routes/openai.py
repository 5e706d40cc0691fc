"""`/v1/embeddings`, as the clients of OpenAI's API call it."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from starlette.routing import BaseRoute

from bert_runtime.errors import Problem as Fault
from bert_runtime.serving import Answered
from bert_runtime.tasks.feature_extraction import FEATURE_EXTRACTION
from bert_serve.body import kind, read_object
from bert_serve.call import Call, json_answer
from bert_serve.endpoint import Sendable, post
from bert_serve.problems import Problem, problem

FIELDS = ("input", "model", "encoding_format", "dimensions", "user")
FORMATS = ("float", "base64")


async def embeddings(call: Call) -> Sendable:
    """A vector for each text of `input`."""
    value = read_object(await call.body())
    problems = list(_problems(value))
    if problems:
        raise Problem(422, "invalid_request", problems)
    model = call.of_task((FEATURE_EXTRACTION.name,), value["model"])
    texts = value["input"] if isinstance(value["input"], list) else [value["input"]]
    outcomes = await call.answers(model, [{"text": text} for text in texts], "input")
    for i, outcome in enumerate(outcomes):
        if isinstance(outcome, Problem):
            raise outcome.within(f"input[{i}]")
    answered = [each for each in outcomes if isinstance(each, Answered)]
    _check_dimensions(value.get("dimensions"), len(answered[0].result.vector))
    as_base64 = value.get("encoding_format") == "base64"
    return json_answer(
        {
            "object": "list",
            "data": [
                {"object": "embedding", "index": i, "embedding": _vector(each.result.vector, as_base64)}
                for i, each in enumerate(answered)
            ],
            "model": model.name,
            "usage": {"prompt_tokens": call.tokens, "total_tokens": call.tokens},
        }
    )


def _problems(value: dict[str, Any]) -> list[Fault]:
    told = "unknown field {!r:.60}; the fields are " + ", ".join(FIELDS)
    found = [Fault("unknown-field", key, told.format(key)) for key in value if key not in FIELDS]
    if not isinstance(value.get("model"), str):
        message = "model is missing, expected a model's name; GET /v1/models lists them"
        found.append(Fault("missing-field", "model", message))
    texts = value.get("input")
    if isinstance(texts, list):
        wrong = next((i for i, text in enumerate(texts) if not isinstance(text, str)), None)
        if wrong is not None:
            message = f"input[{wrong}] is {kind(texts[wrong])}, expected a text: lists of tokens are not taken"
            found.append(Fault("wrong-type", f"input[{wrong}]", message))
    elif not isinstance(texts, str):
        found.append(Fault("wrong-type", "input", f"input is {kind(texts)}, expected a text or a list of texts"))
    if value.get("encoding_format", "float") not in FORMATS:
        message = f"encoding_format is {value['encoding_format']!r:.60}, expected {' or '.join(FORMATS)}"
        found.append(Fault("not-a-choice", "encoding_format", message))
    dimensions = value.get("dimensions")
    if dimensions is not None and (isinstance(dimensions, bool) or not isinstance(dimensions, int)):
        found.append(Fault("wrong-type", "dimensions", f"dimensions is {kind(dimensions)}, expected a whole number"))
    if not isinstance(value.get("user", ""), str):
        found.append(Fault("wrong-type", "user", f"user is {kind(value['user'])}, expected a text"))
    return found


def _check_dimensions(wanted: int | None, own: int) -> None:
    if wanted is not None and wanted != own:
        told = f"dimensions is {wanted}, expected {own}, the model's own: its vectors are not made to be cut"
        raise problem(422, "invalid_request", told, "dimensions")


def _vector(vector: Any, as_base64: bool) -> Any:
    if as_base64:
        return base64.b64encode(np.ascontiguousarray(vector, "<f4").tobytes()).decode()
    return vector


ROUTES: list[BaseRoute] = [post("/v1/embeddings", embeddings)]
