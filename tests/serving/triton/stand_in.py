"""What Triton's own process gives its Python backend, as far as a model of texts uses it; it is in no package.

Source: triton_python_backend_utils.py of Triton's python_backend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


class TritonError(Exception):
    """A request's error."""

    def message(self) -> str:
        return str(self)


@dataclass
class Tensor:
    """A named tensor; texts are bytes in an array of objects."""

    own_name: str
    array: NDArray[Any]

    def name(self) -> str:
        return self.own_name

    def as_numpy(self) -> NDArray[Any]:
        return self.array


@dataclass
class InferenceRequest:
    """A request's tensors."""

    tensors: Sequence[Tensor]


@dataclass
class InferenceResponse:
    """A response's tensors, or its error."""

    output_tensors: Sequence[Tensor] = field(default_factory=list)
    error: TritonError | None = None

    def has_error(self) -> bool:
        return self.error is not None


def get_input_tensor_by_name(request: InferenceRequest, name: str) -> Tensor | None:
    """None where the request has none of that name."""
    return next((tensor for tensor in request.tensors if tensor.own_name == name), None)


def texts(name: str, *elements: str | bytes) -> InferenceRequest:
    """A request as a client's BYTES of shape (elements, 1) reaches a model."""
    array = np.array([each.encode() if isinstance(each, str) else each for each in elements], dtype=np.object_)
    return InferenceRequest([Tensor(name, array.reshape(-1, 1))])
