"""An input that may be left out: without `positions` the same file answers for every token, as transformers does.

In ONNX an initializer that is also an input is its default value (IR version 4 and later). A caller that knows only the
signature of transformers, such as Optimum, gives three inputs and gets logits for the whole sequence.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from bert_export.passes.constants import integers

INPUT = "positions"
POSITION_TABLE = "position_embeddings.weight"


def optional_positions(model: ir.Model) -> int:
    """Give `positions` all positions as its default; 1 if the graph has that input, else 0. Run it last."""
    graph = model.graph
    positions = next((value for value in graph.inputs if value.name == INPUT), None)
    if positions is None:
        return 0
    uses = list(positions.uses())
    nodes = _fitted(graph, positions)
    for node, index in uses:
        node.replace_input_with(index, nodes[-1].outputs[0])
    graph.insert_before(graph[0], nodes)
    table = next(value for name, value in graph.initializers.items() if name.endswith(POSITION_TABLE))
    rows = table.shape[0] if table.shape is not None else None
    assert isinstance(rows, int)
    positions.const_value = ir.tensor(np.arange(rows, dtype=np.int64)[None], name=INPUT)
    graph.register_initializer(positions)
    return 1


def _fitted(graph: ir.Graph, positions: ir.Value) -> list[ir.Node]:
    """positions[:, :sequence], repeated for every row of the batch: changes nothing in positions that were given."""
    ids = graph.inputs[0]
    zero, one = (integers(graph, f"{INPUT}/{number}", [number]) for number in (0, 1))
    batch = _node("Shape", [ids], "batch", start=0, end=1)
    sequence = _node("Shape", [ids], "sequence", start=1, end=2)
    first = _node("Slice", [positions, zero, sequence.outputs[0], one], "first")
    rows = _node("Concat", [batch.outputs[0], one], "rows", axis=0)
    return [batch, sequence, first, rows, _node("Expand", [first.outputs[0], rows.outputs[0]], "fitted")]


def _node(operator: str, inputs: list[ir.Value], name: str, **attributes: int) -> ir.Node:
    node = ir.node(operator, inputs, attributes=attributes, name=f"{INPUT}/{name}")
    node.outputs[0].name = f"{INPUT}/{name}:0"
    return node
