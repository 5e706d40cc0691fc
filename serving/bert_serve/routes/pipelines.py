"""The inference API of Hugging Face's hub, as `huggingface_hub.InferenceClient` calls it: a task's pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.routing import BaseRoute

from bert_runtime.errors import Problem as Fault
from bert_runtime.tasks.feature_extraction import FEATURE_EXTRACTION
from bert_runtime.tasks.fill_mask import FillMaskResult
from bert_runtime.tasks.question_answering import QuestionAnsweringResult
from bert_runtime.tasks.text_generation import TextGenerationResult
from bert_runtime.tasks.token_classification import TokenClassificationResult
from bert_serve.body import kind, read_object
from bert_serve.call import Call, json_answer
from bert_serve.endpoint import Sendable, post, text_form
from bert_serve.models import Model
from bert_serve.problems import Problem, problem
from bert_serve.routes.text_embeddings import EMBED, checked, labels, vectors

FIELDS = ("inputs", "parameters", "options")


@dataclass(frozen=True)
class Pipeline:
    """A task as the API has it.

    Attributes:
        inputs: the fields of our request that `inputs` fills: one with a text, or several from an object.
        parameters: the API's names of parameters, and ours.
        form: our result, and the text that was asked of, as the API has them.
    """

    inputs: tuple[str, ...]
    parameters: Mapping[str, str]
    form: Callable[[Any, Any], Any]


def _entities(result: TokenClassificationResult, _: object) -> list[dict[str, Any]]:
    return [
        {
            "entity_group" if each.index is None else "entity": each.label,
            "score": each.score,
            "word": each.text,
            "start": each.start,
            "end": each.end,
        }
        for each in result.entities
    ]


def _spans(result: QuestionAnsweringResult, _: object) -> Any:
    answers = [
        {"answer": each.text, "score": each.score, "start": each.start, "end": each.end} for each in result.answers
    ]
    return answers[0] if len(answers) == 1 else answers


def _words(result: FillMaskResult, _: object) -> Any:
    masks = [
        [
            {"score": each.score, "token": each.token_id, "token_str": each.token, "sequence": each.text}
            for each in mask.candidates
        ]
        for mask in result.masks
    ]
    return masks[0] if len(masks) == 1 else masks


def _texts(result: TextGenerationResult, prompt: Any) -> list[dict[str, Any]]:
    return [{"generated_text": f"{prompt}{each.text}"} for each in result.sequences]


PIPELINES: Mapping[str, Pipeline] = {
    "text-classification": Pipeline(
        ("text",), {"top_k": "top_k", "function_to_apply": "activation"}, lambda result, _: [labels(result)]
    ),
    "token-classification": Pipeline(
        ("text",),
        {"aggregation_strategy": "aggregation", "ignore_labels": "ignore_labels", "stride": "stride"},
        _entities,
    ),
    "question-answering": Pipeline(
        ("question", "context"),
        {
            "top_k": "top_k",
            "max_answer_len": "max_answer_length",
            "doc_stride": "doc_stride",
            "max_question_len": "max_question_length",
            "align_to_words": "align_to_words",
            "handle_impossible_answer": "handle_no_answer",
        },
        _spans,
    ),
    "fill-mask": Pipeline(("text",), {"top_k": "top_k", "targets": "targets"}, _words),
    "text-generation": Pipeline(
        ("prompt",),
        {
            name: name
            for name in ("max_new_tokens", "do_sample", "temperature", "top_k", "top_p", "seed", "repetition_penalty")
        },
        _texts,
    ),
}
"""Those whose API has a form for what they answer."""


async def first(call: Call) -> Sendable:
    """Ask the first model that was named when the server began."""
    return await _answered(call, call.using(next(iter(call.service.models))))


async def named(call: Call) -> Sendable:
    """Ask a model by its name."""
    return await _answered(call, call.named(call.parameter("name")))


async def _answered(call: Call, model: Model) -> Sendable:
    value = read_object(await call.body())
    if model.task == FEATURE_EXTRACTION.name:
        shared = value.get("parameters", {})
        if not isinstance(shared, dict):
            raise problem(422, "invalid_request", f"parameters is {kind(shared)}, expected an object", "parameters")
        merged = {key: own for key, own in value.items() if key not in ("parameters", "options")} | shared
        return json_answer(await vectors(call, model, checked(merged, EMBED)))
    pipeline = PIPELINES.get(model.task)
    if pipeline is None:
        raise problem(422, "wrong_task", f"{model.task} has no form in this API; POST /v1/models/{model.name}:predict")
    requests, inputs, is_many = _requests(value, pipeline)
    results = []
    outcomes = await call.answers(model, requests, "inputs")
    for i, (own, outcome) in enumerate(zip(inputs, outcomes, strict=True)):
        if isinstance(outcome, Problem):
            raise outcome.within(f"inputs[{i}]") if is_many else outcome
        results.append(pipeline.form(outcome.result, own))
    return json_answer(results if is_many else results[0])


def _requests(value: Mapping[str, Any], pipeline: Pipeline) -> tuple[list[dict[str, Any]], Sequence[Any], bool]:
    """Our requests, the inputs that they came from, and whether there was a list of them."""
    told = "unknown field {!r:.60}; the fields are " + ", ".join(FIELDS)
    problems = [Fault("unknown-field", key, told.format(key)) for key in value if key not in FIELDS]
    given = value.get("parameters", {})
    if not isinstance(given, dict):
        problems.append(Fault("wrong-type", "parameters", f"parameters is {kind(given)}, expected an object"))
        given = {}
    known = pipeline.parameters
    told = "unknown parameter {!r:.60}; there are " + ", ".join(known)
    problems += [Fault("unknown-field", f"parameters.{key}", told.format(key)) for key in given if key not in known]
    if "inputs" not in value:
        message = "inputs is missing, expected " + " and ".join(pipeline.inputs)
        problems.append(Fault("missing-field", "inputs", message))
    if problems:
        raise Problem(422, "invalid_request", problems)
    inputs = value["inputs"]
    is_many = isinstance(inputs, list)
    shared = {known[key]: own for key, own in given.items()}
    each = inputs if is_many else [inputs]
    return [{**_input(own, pipeline.inputs), **shared} for own in each], each, is_many


def _input(value: Any, names: tuple[str, ...]) -> dict[str, Any]:
    if len(names) == 1:
        return {names[0]: value}
    if not isinstance(value, dict):
        told = f"inputs is {kind(value)}, expected an object with {' and '.join(names)}"
        raise problem(422, "invalid_request", told, "inputs")
    return dict(value)


ROUTES: list[BaseRoute] = [
    post("/", first, text_form),
    post("/models/{name}", named, text_form),
    post("/models/{name}/pipeline/{task}", named, text_form),
]
