"""A graph cut at its layer normalisations: each sub-layer runs alone, on whatever the sub-layers before it gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_calibration.batches import Batch
from bert_calibration.chains import constant
from bert_calibration.errors import CalibrationError
from bert_calibration.products import Product
from bert_calibration.pruning.sublayers import Sublayer
from bert_runtime.backends.onnxruntime import import_onnxruntime
from bert_runtime.cpus import available_cpus

Floats = NDArray[np.float32]

ADDING = ("Add", "Sum")


@dataclass(frozen=True)
class Stage:
    """One sub-layer: from what its first products read to its layer normalisation.

    Attributes:
        source: what it reads: (batch, tokens, hidden).
        norm: the LayerNormalization at its end, which reads the sum of the second product, its bias and the residual.
        added: the node that adds the bias of the second product, and the place of the bias among its inputs.
    """

    sublayer: Sublayer
    source: ir.Value
    norm: ir.Node
    added: tuple[ir.Node, int]

    @property
    def summed(self) -> ir.Value:
        """What the normalisation reads."""
        value = self.norm.inputs[0]
        assert value is not None
        return value

    @property
    def stored_bias(self) -> Floats:
        """Of the second product."""
        node, place = self.added
        found = constant(node.inputs[place])
        assert found is not None
        return found

    @property
    def bias_name(self) -> str:
        """What the bias is called in the checkpoint."""
        return f"{self.sublayer.second.name}.bias"

    def normalised(self, summed: Floats) -> Floats:
        """What the normalisation gives."""
        scale, shift = (self._constant(i) for i in (1, 2))
        epsilon = self.norm.attributes.get_float("epsilon", 1e-5)
        centred = summed - summed.mean(axis=-1, keepdims=True)
        variance = np.square(centred).mean(axis=-1, keepdims=True)
        result: Floats = (centred / np.sqrt(variance + epsilon) * scale + shift).astype(np.float32)
        return result

    def _constant(self, place: int) -> Floats:
        found = constant(self.norm.inputs[place])
        assert found is not None
        return found


def stages_of(sublayers: Sequence[Sublayer]) -> list[Stage]:
    """The stage of each sub-layer, in order; each begins where the one before ends.

    Raises:
        CalibrationError: the graph has other operators around a sub-layer.
    """
    found, source = [], sublayers[0].first[0].hidden
    for sublayer in sublayers:
        added, norm = bias_of(sublayer.second), _norm(sublayer.second.node)
        if added is None or norm is None:
            raise CalibrationError(
                f"{sublayer.second.name} is followed by no bias and layer normalisation in this graph, expected both; "
                "prune the artefact for cpu, openvino or portable"
            )
        found.append(Stage(sublayer, source, norm, added))
        source = norm.outputs[0]
    return found


def own_constant(graph: ir.Graph, node: ir.Node, place: int, name: str) -> None:
    """Let a node read its constant under a name that no other node reads: equal small constants are stored once."""
    value = node.inputs[place]
    assert value is not None
    assert value.const_value is not None
    if value.name == name and len(value.uses()) == 1:
        return
    if name in graph.initializers:  # others read this one: it takes another name, and they keep reading it
        del graph.initializers[name]
        value.name = f"{name}.shared"
        graph.register_initializer(value)
    made = ir.Value(name=name, shape=value.shape, type=value.type, const_value=value.const_value)
    graph.register_initializer(made)
    node.replace_input_with(place, made)


def bias_of(second: Product) -> tuple[ir.Node, int] | None:
    """Where the product's bias is added."""
    width = second.matrix().shape[1:]
    for use in second.node.outputs[0].uses():
        for place, value in enumerate(use.node.inputs if use.node.op_type in ADDING else ()):
            found = constant(value)
            if found is not None and found.shape == width:
                return use.node, place
    return None


def _norm(node: ir.Node) -> ir.Node | None:
    """The normalisation after one or two additions."""
    for _ in range(3):
        users = [use.node for use in node.outputs[0].uses()]
        if len(users) != 1:
            return None
        node = users[0]
        if node.op_type == "LayerNormalization":
            return node
        if node.op_type not in ADDING:
            return None
    return None


class Runner:
    """Runs parts of one graph. Weights are read when a part is first asked for."""

    def __init__(self, model: ir.Model) -> None:
        self.model = model
        self._inputs = [str(value.name) for value in model.graph.inputs]

    def first(self, stage: Stage) -> Part:
        """From the graph's inputs to what the first stage reads."""
        return self._part([], [stage.source])

    def part(self, stage: Stage) -> Part:
        """From what the stage reads to the activation of its second product, and to the sum before its norm."""
        return self._part([stage.source], [stage.sublayer.second.hidden, stage.summed])

    def _part(self, given: Sequence[ir.Value], wanted: Sequence[ir.Value]) -> Part:
        for value in (*given, *wanted):
            value.type = value.type or ir.TensorType(ir.DataType.FLOAT)
            if value.shape is None:
                value.shape = ir.Shape([None, None, None])
        graph = ir.convenience.extract(self.model.graph, [*given, *self.model.graph.inputs], list(wanted))
        model = ir.Model(graph, ir_version=self.model.ir_version)
        return Part(model, tuple(self._inputs), tuple(str(value.name) for value in given))


@dataclass(frozen=True)
class Part:
    """A part of a graph as a graph of its own."""

    model: ir.Model
    inputs: tuple[str, ...]
    given: tuple[str, ...]

    def run(self, batch: Batch, *given: Floats) -> list[Floats]:
        """Its outputs for a batch."""
        feeds: Mapping[str, NDArray[Any]] = {
            **{name: batch.feeds[name] for name in self.inputs},
            **dict(zip(self.given, given, strict=True)),
        }
        outputs: list[Floats] = self._session.run(None, dict(feeds))
        return outputs

    @cached_property
    def _session(self) -> Any:
        onnxruntime = import_onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = available_cpus()
        options.log_severity_level = 4
        content = ir.to_proto(self.model).SerializeToString()
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
