"""The same model gives the same bytes: names by place, nothing of the machine or the time that made it."""

from __future__ import annotations

from collections import Counter

import onnx_ir as ir
from onnx_ir.passes import common

PRODUCER = "bert-export"
PREFIXES = ("network.", "backbone.")


def canonical(model: ir.Model) -> int:
    """Rename every node and value, and strip what was recorded while tracing; the number of nodes."""
    common.ClearMetadataAndDocStringPass()(model)
    common.TopologicalSortPass()(model)
    model.producer_name, model.producer_version, model.domain, model.model_version = PRODUCER, None, None, None
    model.graph.name = PRODUCER
    name_initializers(model.graph)
    name_nodes(model.graph)
    for value in values(model.graph):
        value.metadata_props.clear()
        if value.shape is not None:
            value.shape = plain_shape(value.shape)
    return len(model.graph)


def values(graph: ir.Graph) -> list[ir.Value]:
    """Every value of the graph, once."""
    made = [value for node in graph for value in node.outputs]
    return [*graph.inputs, *graph.initializers.values(), *made]


def name_initializers(graph: ir.Graph) -> None:
    """Weights keep the names of the checkpoint, in the order of first use; other constants are numbered."""
    used = [value for node in graph for value in node.inputs if value is not None and value.is_initializer()]
    ordered = [*dict.fromkeys(used), *(v for v in graph.initializers.values() if v.is_graph_output())]
    graph.initializers.clear()
    numbers: Counter[str] = Counter()
    for value in ordered:
        name = str(value.name)
        if "." not in name:
            name = f"constant_{numbers['constant']}"
            numbers["constant"] += 1
        for prefix in PREFIXES:
            name = name.removeprefix(prefix)
        value.name = name
        assert value.const_value is not None
        value.const_value.name = name
        graph.register_initializer(value)


def name_nodes(graph: ir.Graph) -> None:
    """A node is named after its weight and its operator: `bert.encoder.layer.0.output.dense/MatMul`."""
    numbers: Counter[str] = Counter()
    outputs = set(graph.outputs)
    for node in graph:
        weights = [str(v.name) for v in node.inputs if v is not None and v.is_initializer() and "." in str(v.name)]
        place = f"{weights[0].removesuffix('.scaled').rpartition('.')[0]}/{node.op_type}" if weights else node.op_type
        numbers[place] += 1
        node.name = place if numbers[place] == 1 else f"{place}_{numbers[place]}"
        for index, value in enumerate(node.outputs):
            if value not in outputs:
                value.name = f"{node.name}:{index}"


def plain_shape(shape: ir.Shape) -> ir.Shape:
    """The shape without the tracer's formulas, such as `Min(64, sequence)`, which no other tool understands."""
    dims = [dim if isinstance(dim, int) or str(dim.value).isidentifier() else None for dim in shape]
    return ir.Shape(dims)
