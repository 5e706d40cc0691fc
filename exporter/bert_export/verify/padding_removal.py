"""ONNX Runtime's operators for packing in NumPy, so that a graph that only CUDA runs can be compared with torch.

They follow the operators' schemas: RemovePadding, PackedAttention and RestorePadding of com.microsoft, version 1. Their
kernels on a GPU are not proven by this; that the graph around them is right is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from bert_export.errors import GateError
from bert_runtime.backends.engine import Array
from bert_runtime.backends.onnxruntime import first_line, import_onnxruntime, refusals, session_options
from bert_runtime.backends.profile import copy_into

MISSING_KERNEL = "NOT_IMPLEMENTED"
"""ONNX Runtime's code for a graph that is right, and has an operator that the provider has no kernel for."""

Ints = NDArray[np.int32]
Floats = NDArray[Any]
Operator = Callable[[Sequence[Array], Mapping[str, Any]], tuple[Array, ...]]


def remove_padding(rows: Floats, lengths: Ints) -> tuple[Floats, Ints, Ints, Ints]:
    """(batch, sequence, hidden) and the tokens of each row, to (tokens, hidden); the places of tokens and after them of
    padding, (batch, sequence); the tokens before each row and in all, (batch + 1,); the longest row, (1,)."""
    batch, sequence, hidden = rows.shape
    shown = (np.arange(sequence) < lengths[:, None]).ravel()
    offsets = np.concatenate([np.flatnonzero(shown), np.flatnonzero(~shown)]).astype(np.int32)
    cumulated = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    longest = np.array([lengths.max(initial=0)], np.int32)
    tokens: Floats = rows.reshape(-1, hidden)[shown]
    return tokens, offsets.reshape(batch, sequence), cumulated, longest


def restore_padding(tokens: Floats, offsets: Ints) -> Floats:
    """(tokens, hidden) at their places among zeros: (batch, sequence, hidden)."""
    rows = np.zeros((offsets.size, tokens.shape[1]), tokens.dtype)
    rows[offsets.ravel()[: len(tokens)]] = tokens
    whole: Floats = rows.reshape(*offsets.shape, -1)
    return whole


@dataclass(frozen=True)
class Scoring:
    """How a token scores another.

    Attributes:
        heads: how many heads there are.
        scale: what products are multiplied with; None for one over the root of a head's size.
        distances: what is added, (1 or batch, heads, sequence, sequence) of rows with padding; None for nothing.
    """

    heads: int
    scale: float | None = None
    distances: Floats | None = None

    def of(self, query: Floats, key: Floats, row: int) -> Floats:
        """(heads, tokens, size) both, of one row: (heads, tokens, tokens)."""
        tokens, size = query.shape[1:]
        scores: Floats = query @ key.swapaxes(1, 2) * np.float32(size**-0.5 if self.scale is None else self.scale)
        if self.distances is not None:
            own = self.distances[row if len(self.distances) > 1 else 0]
            scores += own[:, :tokens, :tokens].astype(np.float32)
        return scores


def packed_attention(tokens: Floats, weights: Floats, bias: Floats, cumulated: Ints, scoring: Scoring) -> Floats:
    """Attention of the tokens of each row to one another: (tokens, hidden), computed in single precision."""
    wide = [each.astype(np.float32) for each in (tokens, weights, bias)]
    query, key, value = np.split(wide[0] @ wide[1] + wide[2], 3, axis=1)
    answer = np.empty(query.shape, tokens.dtype)
    heads, size = scoring.heads, query.shape[1] // scoring.heads
    for row, (start, end) in enumerate(itertools.pairwise(cumulated)):
        own = [each[start:end].reshape(end - start, heads, size).swapaxes(0, 1) for each in (query, key, value)]
        scores = scoring.of(own[0], own[1], row)
        weight = np.exp(scores - scores.max(axis=-1, keepdims=True))
        joined = (weight / weight.sum(axis=-1, keepdims=True)) @ own[2]
        answer[start:end] = joined.swapaxes(0, 1).reshape(end - start, heads * size)
    return answer


def _packed_attention(inputs: Sequence[Array], attributes: Mapping[str, Any]) -> tuple[Array, ...]:
    tokens, weights, bias, _, cumulated, *distances = inputs
    scoring = Scoring(attributes["num_heads"], attributes.get("scale"), next(iter(distances), None))
    return (packed_attention(tokens, weights, bias, cumulated, scoring),)


NUMPY: Mapping[str, Operator] = {
    "RemovePadding": lambda inputs, _: remove_padding(inputs[0], inputs[1]),
    "PackedAttention": _packed_attention,
    "RestorePadding": lambda inputs, _: (restore_padding(inputs[0], inputs[1]),),
}


class PackedEngine:
    """See Engine. These operators in NumPy, and what stands between them on ONNX Runtime's CPU provider."""

    name = "NumPy's packed attention"

    def __init__(self, path: Path, threads: int) -> None:
        """Load the graph and its weights."""
        model = onnx.load(path)
        inputs = {value.name for value in model.graph.input}
        constants = {each.name: each for each in model.graph.initializer}
        self._defaults = {name: numpy_helper.to_array(constants[name]) for name in inputs & constants.keys()}
        self._weights = {name: each for name, each in constants.items() if name not in inputs}
        self._parts: list[_Part | onnx.NodeProto] = []
        nodes, begun = list(model.graph.node), 0
        for place, node in enumerate([*nodes, None]):
            if node is not None and node.op_type not in NUMPY:
                continue
            if place > begun:
                wanted = {name for later in nodes[place:] for name in later.input}
                wanted |= {value.name for value in model.graph.output}
                self._parts.append(_Part(model, nodes[begun:place], self._weights, wanted, threads))
            if node is not None:
                self._parts.append(node)
            begun = place + 1

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """See Engine."""
        values: dict[str, Array] = {**self._defaults, **feeds}
        for part in self._parts:
            if isinstance(part, _Part):
                values |= part.run(values)
                continue
            given = [values[name] if name in values else self._weight(name) for name in part.input]
            attributes = {each.name: helper.get_attribute_value(each) for each in part.attribute}
            values |= dict(zip(part.output, NUMPY[part.op_type](given, attributes), strict=True))
        return {name: values[name] for name in fetch}

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        """See Engine."""
        copy_into(self.run(feeds, list(outputs)), outputs)

    def close(self) -> None:
        """See Engine."""
        self._parts.clear()

    def _weight(self, name: str) -> Array:
        weight: Array = numpy_helper.to_array(self._weights[name])
        return weight


class _Part:
    """Nodes that follow one another, as a graph of their own: it is opened when the types of its inputs are known."""

    def __init__(
        self,
        model: onnx.ModelProto,
        nodes: Sequence[onnx.NodeProto],
        weights: Mapping[str, onnx.TensorProto],
        wanted: Collection[str],
        threads: int,
    ) -> None:
        """`wanted` are the values that others read."""
        self._model, self._nodes, self._threads = model, nodes, threads
        read = list(dict.fromkeys(name for node in nodes for name in node.input if name))
        made = [name for node in nodes for name in node.output if name]
        self._weights = [weights[name] for name in read if name in weights]
        self._inputs = [name for name in read if name not in weights and name not in made]
        self._made = [name for name in made if name in wanted]
        self._session: Any = None

    def run(self, values: Mapping[str, Array]) -> dict[str, Array]:
        """What the nodes make that others read."""
        feeds = {name: values[name] for name in self._inputs}
        with refusals():
            if self._session is None:
                self._session = self._opened(feeds)
            return dict(zip(self._made, self._session.run(self._made, feeds), strict=True))

    def _opened(self, feeds: Mapping[str, Array]) -> Any:
        inputs = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), [None] * array.ndim)
            for name, array in feeds.items()
        ]
        outputs = [onnx.ValueInfoProto(name=name) for name in self._made]
        graph = helper.make_graph(self._nodes, "part", inputs, outputs, self._weights)
        part = helper.make_model(graph, opset_imports=self._model.opset_import, ir_version=self._model.ir_version)
        module = import_onnxruntime()
        options = session_options(module, self._threads)
        return module.InferenceSession(part.SerializeToString(), options, providers=["CPUExecutionProvider"])


def check_schemas(path: Path) -> None:
    """Let ONNX Runtime read the graph: types, shapes and schemas are checked before kernels are looked for.

    Raises:
        GateError: something else is wrong with it than that the CPU has no kernel for NUMPY's operators.
    """
    module = import_onnxruntime()
    options = session_options(module, 1)
    options.add_session_config_entry("session.strict_shape_type_inference", "1")
    try:
        module.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions have no public common class but Exception
        report = first_line(error)
        if MISSING_KERNEL in report and any(f"{operator}(1)" in report for operator in NUMPY):
            return
        raise GateError(f"onnxruntime refuses the packed graph: {report}; export without --remove-padding") from error
