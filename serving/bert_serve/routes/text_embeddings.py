"""`/embed`, `/predict` and `/rerank`, as the clients of text-embeddings-inference call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.routing import BaseRoute

from bert_runtime.errors import Problem as Fault
from bert_runtime.tasks.feature_extraction import FEATURE_EXTRACTION
from bert_runtime.tasks.text_classification import (
    TEXT_CLASSIFICATION,
    MultiLabelResult,
    RegressionResult,
    SingleLabelResult,
)
from bert_serve.body import kind, read_object
from bert_serve.call import Call, json_answer
from bert_serve.endpoint import Sendable, post, text_form
from bert_serve.models import Model
from bert_serve.problems import Problem, problem

EMBED = ("inputs", "normalize", "truncate", "truncation_direction", "prompt_name", "dimensions", "model")
PREDICT = ("inputs", "raw_scores", "truncate", "truncation_direction", "model")
RERANK = ("query", "texts", "raw_scores", "return_text", "truncate", "truncation_direction", "model")
IGNORED = {"truncation_direction": ("right", "Right", None), "prompt_name": (None,), "dimensions": (None,)}
"""Fields of which only the values are taken that change nothing: a bundle cuts on the side that it was trained with."""


@dataclass(frozen=True)
class Fields:
    """A body's fields, checked by name and type."""

    values: Mapping[str, Any]

    def flag(self, name: str) -> bool | None:
        """true, false, or nothing."""
        value = self.values.get(name)
        if not isinstance(value, bool | None):
            raise problem(422, "invalid_request", f"{name} is {kind(value)}, expected true or false", name)
        return value


def checked(value: Mapping[str, Any], known: Sequence[str]) -> Fields:
    """A body of these fields; raises Problem with every unknown one, and values that cannot be heeded."""
    told = "unknown field {!r:.60}; the fields are " + ", ".join(known)
    problems = [Fault("unknown-field", key, told.format(key)) for key in value if key not in known]
    for name, neutral in IGNORED.items():
        if name in known and value.get(name) not in neutral:
            problems.append(Fault("wrong-value", name, f"{name} is given, expected none: the bundle decides it"))
    if problems:
        raise Problem(422, "invalid_request", problems)
    return Fields(value)


async def embed(call: Call) -> Sendable:
    """A vector for each text of `inputs`."""
    fields = checked(read_object(await call.body()), EMBED)
    model = call.of_task((FEATURE_EXTRACTION.name,), fields.values.get("model"))
    return json_answer(await vectors(call, model, fields))


async def vectors(call: Call, model: Model, fields: Fields) -> list[Any]:
    """The vectors of `inputs`."""
    inputs = fields.values.get("inputs")
    texts = inputs if isinstance(inputs, list) else [inputs]
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            where = f"inputs[{i}]" if isinstance(inputs, list) else "inputs"
            raise problem(422, "invalid_request", f"{where} is {kind(text)}, expected a text", where)
    scales = fields.flag("normalize")
    is_unit = bool(model.session.record.settings.normalize)
    if scales is False and is_unit:
        told = "normalize is false, expected true: the bundle's vectors have length 1"
        raise problem(422, "invalid_request", told, "normalize")
    results = await whole(call, model, [{"text": text} for text in texts], fields)
    found = [each.vector for each in results]
    return [_unit(vector) for vector in found] if scales and not is_unit else found


async def whole(call: Call, model: Model, requests: Sequence[Any], fields: Fields, field: str = "inputs") -> list[Any]:
    """Every result; the first problem is that of all, and a text that was cut is one where `truncate` is false."""
    may_cut = fields.flag("truncate") is not False
    results = []
    for i, outcome in enumerate(await call.answers(model, requests, field)):
        if isinstance(outcome, Problem):
            raise outcome.within(f"{field}[{i}]")
        if not may_cut and outcome.result.truncated:
            longest = model.session.record.tokenizer.max_length
            told = f"{field}[{i}] has more than {longest} tokens, expected at most so many where truncate is false"
            raise problem(413, "too_long", told, f"{field}[{i}]")
        results.append(outcome.result)
    return results


def _unit(vector: Any) -> Any:
    length = float(np.linalg.norm(vector))
    return vector / max(length, 1e-12)


async def predict(call: Call) -> Sendable:
    """Labels and scores of a text, of a pair of texts, or of a list of lists of such."""
    fields = checked(read_object(await call.body()), PREDICT)
    model = call.of_task((TEXT_CLASSIFICATION.name,), fields.values.get("model"))
    inputs = fields.values.get("inputs")
    sequences = [inputs]
    is_many = isinstance(inputs, list) and bool(inputs) and all(isinstance(each, list) for each in inputs)
    if isinstance(inputs, list) and is_many:
        sequences = inputs
    requests = [_sequence(each, fields) for each in sequences]
    results = [labels(each) for each in await whole(call, model, requests, fields)]
    return json_answer(results if is_many else results[0])


def _sequence(value: object, fields: Fields) -> dict[str, Any]:
    """One text or a pair of texts as a request."""
    parts = value if isinstance(value, list) else [value]
    if not 1 <= len(parts) <= 2 or not all(isinstance(part, str) for part in parts):
        got = f"a list of {len(parts)}" if isinstance(value, list) else kind(value)
        told = f"inputs holds {got}, expected a text, or a list of one text or two"
        raise problem(422, "invalid_request", told, "inputs")
    raw = {"activation": "none"} if fields.flag("raw_scores") else {}
    return {**dict(zip(("text", "text_pair"), parts, strict=False)), **raw}


def labels(result: SingleLabelResult | MultiLabelResult | RegressionResult) -> list[dict[str, Any]]:
    """Every label with its score."""
    if isinstance(result, RegressionResult):
        return [{"label": each.label, "score": each.value} for each in result.values]
    scored = result.scores if isinstance(result, MultiLabelResult) else result.labels
    return [{"label": each.label, "score": each.score} for each in scored]


async def rerank(call: Call) -> Sendable:
    """The texts by how well they answer the query, the best first: by a cross-encoder, which scores pairs."""
    fields = checked(read_object(await call.body()), RERANK)
    query, texts = fields.values.get("query"), fields.values.get("texts")
    problems: list[str] = []
    if not isinstance(query, str):
        problems.append(Fault("wrong-type", "query", f"query is {kind(query)}, expected a text"))
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        problems.append(Fault("wrong-type", "texts", f"texts is {kind(texts)}, expected a list of texts"))
    if problems or not isinstance(texts, list):
        raise Problem(422, "invalid_request", problems)
    model = call.using(_cross_encoder(call, fields.values.get("model")))
    raw = {"activation": "none"} if fields.flag("raw_scores") else {}
    requests = [{"text": query, "text_pair": text, **raw} for text in texts]
    results = await whole(call, model, requests, fields, "texts")
    scores = [labels(each)[0]["score"] for each in results]
    order = sorted(range(len(scores)), key=lambda i: scores[i], reverse=True)
    shows = fields.flag("return_text")
    return json_answer([{"index": i, "score": scores[i], **({"text": texts[i]} if shows else {})} for i in order])


def is_cross_encoder(model: Model) -> bool:
    """Whether it scores pairs of texts: a classifier with one label."""
    return model.task == TEXT_CLASSIFICATION.name and len(model.session.record.settings.labels) == 1


def _cross_encoder(call: Call, name: object) -> Model:
    """The classifier with one label that was named, or the first."""
    if name is not None:
        model = call.of_task((TEXT_CLASSIFICATION.name,), name)
        if not is_cross_encoder(model):
            told = f"the model {model.name!r} has several labels, expected a cross-encoder's one"
            raise problem(422, "wrong_task", told, "model")
        return model
    for model in call.service.models:
        if is_cross_encoder(model):
            return model
    raise problem(404, "no_model_of_task", "no model is a cross-encoder: a text-classification with one label")


ROUTES: list[BaseRoute] = [
    post("/embed", embed, text_form),
    post("/predict", predict, text_form),
    post("/rerank", rerank, text_form),
]
