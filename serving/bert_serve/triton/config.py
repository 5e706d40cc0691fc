"""A model's `config.pbtxt`, as Triton's model_config.proto has it: values, and their form as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

DATA_TYPES: Mapping[str, str] = {
    "bool": "TYPE_BOOL",
    "int32": "TYPE_INT32",
    "int64": "TYPE_INT64",
    "float16": "TYPE_FP16",
    "bfloat16": "TYPE_BF16",
    "float32": "TYPE_FP32",
    "text": "TYPE_STRING",
}
"""A tensor's dtype -> Triton's name of it; `text` is BYTES on the wire."""


@dataclass(frozen=True)
class TensorConfig:
    """An input or output.

    Attributes:
        dims: without the batch, where the model has one; -1 is any size.
        optional: of an input, whether a request may leave it out.
        label_filename: of an output, the file with a name for each of its numbers; empty: they have none.
    """

    name: str
    dtype: str
    dims: tuple[int, ...]
    optional: bool = False
    label_filename: str = ""


@dataclass(frozen=True)
class Accelerator:
    """What runs a graph for ONNX Runtime, and its parameters. `kind` is gpu or cpu."""

    kind: str
    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelConfig:
    """A model of a repository.

    Attributes:
        backend: of Triton: onnxruntime or python.
        max_batch_size: how many requests Triton may run at once; 0: the tensors have no batch of their own.
        is_on_gpu: where its instance lives.
        parameters: what the backend reads.
    """

    name: str
    backend: str
    max_batch_size: int
    inputs: tuple[TensorConfig, ...]
    outputs: tuple[TensorConfig, ...]
    is_on_gpu: bool = False
    accelerator: Accelerator | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """In protobuf's text format."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"name: {_quoted(self.name)}"
        yield f"backend: {_quoted(self.backend)}"
        yield f"max_batch_size: {self.max_batch_size}"
        for kind, tensors in (("input", self.inputs), ("output", self.outputs)):
            for tensor in tensors:
                yield from _tensor(kind, tensor)
        if self.max_batch_size:
            # What waits while an instance is busy is its next batch: to wait on purpose costs more than it gains.
            yield "dynamic_batching { max_queue_delay_microseconds: 0 }"
        yield f"instance_group [ {{ count: 1 kind: {'KIND_GPU' if self.is_on_gpu else 'KIND_CPU'} }} ]"
        if self.accelerator is not None:
            yield from _accelerator(self.accelerator)
        for key, value in self.parameters.items():
            yield f"parameters {{ key: {_quoted(key)} value: {{ string_value: {_quoted(value)} }} }}"


def _tensor(kind: str, tensor: TensorConfig) -> Iterator[str]:
    yield f"{kind} {{"
    yield f"  name: {_quoted(tensor.name)}"
    yield f"  data_type: {DATA_TYPES[tensor.dtype]}"
    yield f"  dims: [ {', '.join(map(str, tensor.dims))} ]"
    if tensor.optional:
        yield "  optional: true"
    if tensor.label_filename:
        yield f"  label_filename: {_quoted(tensor.label_filename)}"
    yield "}"


def _accelerator(accelerator: Accelerator) -> Iterator[str]:
    yield "optimization { execution_accelerators {"
    yield f"  {accelerator.kind}_execution_accelerator : [ {{"
    yield f"    name: {_quoted(accelerator.name)}"
    for key, value in accelerator.parameters.items():
        yield f"    parameters {{ key: {_quoted(key)} value: {_quoted(value)} }}"
    yield "  } ]"
    yield "} }"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
