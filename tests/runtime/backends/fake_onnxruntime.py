"""ONNX Runtime as a machine with a GPU would show it, as narrow as what the engines touch.

Its network: `logits` (batch, 2) are the sum and the number of a row's unmasked ids, `tokens` (batch, sequence) the ids.
As the real one, it replays a recording under its number without a look at the shapes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bert_runtime.backends.engine import Array
from bert_runtime.manifest import Artefact
from bert_runtime.tasks.tensors import TensorSpec

CUDA, TENSORRT, CPU = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"
AXES = ("batch", "sequence")
INPUTS = tuple(TensorSpec(name, "int64", AXES) for name in ("input_ids", "attention_mask"))
OUTPUTS = (TensorSpec("logits", "float32", ("batch", "labels")), TensorSpec("tokens", "float32", AXES))
ARTEFACT = Artefact("cuda", "fp16", "model.onnx", (), INPUTS, OUTPUTS, "any", 20, False)


def feeds(batch: int, sequence: int, seed: int = 0) -> dict[str, Array]:
    """Random ids under right padding of random length."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, sequence + 1, size=(batch, 1))
    ids = random.integers(1, 100, size=(batch, sequence))
    return {"input_ids": ids, "attention_mask": (np.arange(sequence) < lengths).astype(np.int64)}


def network(given: Mapping[str, Array]) -> dict[str, NDArray[np.float32]]:
    """The answer that a right engine gives."""
    ids, mask = given["input_ids"], given["attention_mask"]
    logits = np.stack([(ids * mask).sum(axis=1), mask.sum(axis=1)], axis=1)
    return {"logits": logits.astype(np.float32), "tokens": (ids * mask).astype(np.float32)}


class Node:
    def __init__(self, op_type: str) -> None:
        self.op_type = op_type


class Part:
    """A provider's share of the graph."""

    def __init__(self, ep_name: str, *op_types: str) -> None:
        self.ep_name, self._nodes = ep_name, [Node(op_type) for op_type in op_types]

    def get_nodes(self) -> list[Node]:
        return self._nodes


class SessionOptions:
    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def add_session_config_entry(self, key: str, value: str) -> None:
        self.entries[key] = value


class RunOptions:
    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def add_run_config_entry(self, key: str, value: str) -> None:
        self.entries[key] = value


class OrtValue:
    def __init__(self, array: Array, device: tuple[str, int]) -> None:
        self.array, self.device = array, device

    @classmethod
    def ortvalue_from_numpy(cls, array: Array, device: str, number: int) -> OrtValue:
        return cls(array.copy(), (device, number))

    @classmethod
    def ortvalue_from_shape_and_type(cls, shape: Sequence[int], kind: Any, device: str, number: int) -> OrtValue:
        return cls(np.full(tuple(shape), -1, dtype=kind), (device, number))

    def update_inplace(self, array: Array) -> None:
        assert array.shape == self.array.shape
        self.array[...] = array

    def numpy(self) -> Array:
        return self.array.copy()


class Binding:
    def __init__(self) -> None:
        self.inputs: dict[str, OrtValue] = {}
        self.outputs: dict[str, OrtValue] = {}

    def bind_ortvalue_input(self, name: str, value: OrtValue) -> None:
        self.inputs[name] = value

    def bind_ortvalue_output(self, name: str, value: OrtValue) -> None:
        self.outputs[name] = value


class Session:
    """An InferenceSession; `runs` are the graph's number and the shape of ids of every run."""

    def __init__(self, parts: Sequence[Part], providers: Sequence[str], graphs: bool) -> None:
        self._parts, self._providers, self._graphs = parts, list(providers), graphs
        self._recorded: dict[str, Binding] = {}
        self._busy = threading.Lock()
        self.runs: list[tuple[str, tuple[int, ...]]] = []
        self.threads: set[int] = set()
        self.given: list[dict[str, Array]] = []
        self.overridable: Sequence[TensorSpec] = ()
        self.fails_to_record = False

    def get_providers(self) -> list[str]:
        return self._providers

    def get_provider_graph_assignment_info(self) -> Sequence[Part]:
        return self._parts

    def get_outputs(self) -> Sequence[TensorSpec]:
        return OUTPUTS

    def get_overridable_initializers(self) -> Sequence[TensorSpec]:
        return self.overridable

    def io_binding(self) -> Binding:
        return Binding()

    def run(self, names: Sequence[str], given: Mapping[str, Array], options: RunOptions | None = None) -> list[Array]:
        number = (options or RunOptions()).entries.get("gpu_graph_id", "0")
        assert not self._graphs or number == "-1", "without a binding, a recording would read arrays that are gone"
        self.runs.append((number, given["input_ids"].shape))
        self.threads.add(threading.get_ident())
        self.given.append(dict(given))
        found = network(given)
        return [found[name] for name in names]

    def run_with_iobinding(self, binding: Binding, options: RunOptions) -> None:
        assert self._busy.acquire(blocking=False), "a session that records was run by two threads at once"
        try:
            time.sleep(0.0005)  # a GPU takes its time, in which another thread may come
            number = options.entries["gpu_graph_id"]
            if self.fails_to_record:
                raise RuntimeError("CUDA failure 900: operation not permitted when stream is capturing")
            self.threads.add(threading.get_ident())
            self.runs.append((number, binding.inputs["input_ids"].array.shape))
            recorded = self._recorded.setdefault(number, binding)
            given = {name: value.array for name, value in recorded.inputs.items()}
            for name, array in network(given).items():
                recorded.outputs[name].array[...] = array
        finally:
            self._busy.release()


class FakeOnnxRuntime:
    """The module. What a session of it does is set by the attributes; what it was given is in them afterwards."""

    __version__ = "1.31.1"
    SessionOptions, RunOptions, OrtValue = SessionOptions, RunOptions, OrtValue

    def __init__(self) -> None:
        self.available = [TENSORRT, CUDA, CPU]
        self.parts: list[Part] | None = None
        self.made: list[str] | None = None
        self.failure: Exception | None = None
        self.providers: list[tuple[str, dict[str, str]]] = []
        self.options = self.SessionOptions()
        self.session: Any = None
        self.sessions: list[Session] = []
        self.overridable: Sequence[TensorSpec] = ()
        self.fails_to_record = False

    def get_available_providers(self) -> list[str]:
        return self.available

    def InferenceSession(  # noqa: N802 - onnxruntime's name
        self,
        model: str,
        options: Any,
        providers: Sequence[tuple[str, dict[str, str]]],
        enable_fallback: int,
    ) -> Session:
        assert enable_fallback == 0
        self.providers, self.options = list(providers), options
        if self.failure is not None:
            raise self.failure
        names = [name for name, _ in providers]
        parts = [Part(names[0], "MatMul", "Attention"), Part(CPU, "Shape", "Gather")]
        graphs = any(own.get("enable_cuda_graph") == "1" for _, own in providers)
        made = Session(parts if self.parts is None else self.parts, self.made or names, graphs)
        made.overridable, made.fails_to_record = self.overridable, self.fails_to_record
        self.sessions.append(made)
        self.session = made
        return made
