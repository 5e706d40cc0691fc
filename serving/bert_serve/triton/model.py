"""Texts in, answers out: what Triton's Python backend runs beside a bundle. It needs `bert_runtime` and an engine.

Each element of `text`, or of `request` (the task's own JSON), is answered by the element of `answer` at its place, in
the JSON that `bert-run --json` prints. All requests that Triton hands over together are answered in common batches. A
request of which an element has no answer has an error that names the element; the others are answered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from bert_runtime import GpuOptions, Options, load
from bert_runtime.record_writers import dumps, to_json


class TritonPythonModel:
    """See Triton's Python backend for when it calls what."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Load the bundle that lies beside this file.

        Raises:
            BertError: it cannot be loaded here.
        """
        given = json.loads(args["model_config"]).get("parameters", {})
        parameters = {name: value["string_value"] for name, value in given.items()}
        device = int(args["model_instance_device_id"]) if args["model_instance_kind"] == "GPU" else 0
        options = Options(
            parameters["target"],
            int(parameters["threads"]) if "threads" in parameters else None,
            gpu=GpuOptions(device=device),
        )
        folder = Path(args["model_repository"]) / args["model_version"] / "bundle"
        self._session = load(folder, options=options)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """A response for each request, in order."""
        asked = [_read(request) for request in requests]
        items = [item for each in asked if isinstance(each, _Asked) for item in each.items]
        answers = iter(self._session.predict(items, errors="return") if items else ())
        return [each if not isinstance(each, _Asked) else each.response(answers) for each in asked]

    def finalize(self) -> None:
        """Free the bundle."""
        self._session.close()


class _Asked:
    """The elements of one request, and the shape that they came in."""

    def __init__(self, name: str, shape: tuple[int, ...], items: Sequence[Any]) -> None:
        self.name, self.shape, self.items = name, shape, items

    def response(self, answers: Any) -> Any:
        """Take as many answers as there are elements."""
        found = [next(answers) for _ in self.items]
        failed = [f"{self.name}[{i}]: {each}" for i, each in enumerate(found) if isinstance(each, Exception)]
        if failed:
            return _error("; ".join(failed[:20]))
        texts = np.array([dumps(to_json(each)).encode() for each in found], dtype=np.object_)
        return pb_utils.InferenceResponse(output_tensors=[pb_utils.Tensor("answer", texts.reshape(self.shape))])


def _read(request: Any) -> Any:
    """What is asked, or a response that says why nothing can be."""
    given = [(name, pb_utils.get_input_tensor_by_name(request, name)) for name in ("text", "request")]
    tensors = [(name, tensor.as_numpy()) for name, tensor in given if tensor is not None]
    if len(tensors) != 1:
        names = " and ".join(name for name, _ in tensors) or "neither"
        return _error(f"got {names}, expected one of text and request")
    ((name, array),) = tensors
    try:
        texts = [_decoded(name, i, element) for i, element in enumerate(array.ravel())]
        items = texts if name == "text" else [_parsed(name, i, text) for i, text in enumerate(texts)]
    except ValueError as error:
        return _error(str(error))
    return _Asked(name, array.shape, items)


def _decoded(name: str, i: int, element: Any) -> str:
    try:
        return element.decode() if isinstance(element, bytes) else str(element)
    except UnicodeDecodeError as error:
        raise ValueError(f"{name}[{i}]: is no UTF-8 at byte {error.start}, expected UTF-8") from None


def _parsed(name: str, i: int, text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}[{i}]: is no JSON, expected an object: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(f"{name}[{i}]: is no object, expected one with the fields of the task's request")
    return value


def _error(message: str) -> Any:
    return pb_utils.InferenceResponse(output_tensors=[], error=pb_utils.TritonError(message))
