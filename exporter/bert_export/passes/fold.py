"""Compute once, at export, what does not depend on the request."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnx_ir.passes import common
from onnxscript import optimizer, rewriter

from bert_export.passes.constants import array, produced_by

SMALL = 1024
"""Elements of the largest result that is folded: shapes and scalars, never a weight."""

SHAPE = 8
"""Elements of the largest constant that is stored once for all its readers: equal weights stay separate."""


def fold(model: ir.Model) -> int:
    """Transpose weights in place, fold shapes and scalars, and drop what nothing reads; the nodes removed."""
    before = len(model.graph)
    for node in list(model.graph):
        fold_transposed_weight(model.graph, node)
    for _ in range(2):  # what one round folds, the next round simplifies
        optimizer.fold_constants(
            model,
            onnx_shape_inference=True,
            input_size_limit=SMALL,
            output_size_limit=SMALL,
            should_fold=reads_no_weight,
        )
        rewriter.rewrite(model)
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)
    common.DeduplicateInitializersPass(size_limit=SHAPE)(model)
    clean(model)
    return before - len(model.graph)


def clean(model: ir.Model) -> int:
    """Compute equal things once and drop what nothing reads; the nodes removed."""
    before = len(model.graph)
    common.CommonSubexpressionEliminationPass()(model)
    common.IdentityEliminationPass()(model)
    common.RemoveUnusedNodesPass()(model)
    common.RemoveUnusedOpsetsPass()(model)
    return before - len(model.graph)


def fold_transposed_weight(graph: ir.Graph, node: ir.Node) -> None:
    """Store a weight the way MatMul reads it, under its old name.

    A weight that something else reads too stays as it is: the vocabulary projection shares the word embeddings, and a
    transposed copy of them would nearly double a small model.
    """
    weight = node.inputs[0] if node.inputs else None
    if weight is None or node is not produced_by(node.outputs[0], "Transpose"):
        return
    constant, name = array(weight), weight.name
    if constant is None or constant.ndim != 2 or not weight.is_initializer() or len(weight.uses()) > 1:
        return
    transposed = ir.tensor(np.ascontiguousarray(constant.T), name=name)
    assert name is not None
    del graph.initializers[name]
    value = ir.Value(
        name=name, shape=ir.Shape(constant.T.shape), type=ir.TensorType(transposed.dtype), const_value=transposed
    )
    graph.register_initializer(value)
    node.outputs[0].replace_all_uses_with(value)
    graph.remove(node, safe=True)


def reads_no_weight(node: ir.Node) -> bool | None:
    """False for a node that reads a weight, else None: onnxscript's own choice."""
    sizes = [constant.size for value in node.inputs if (constant := array(value)) is not None and constant.ndim > 1]
    return False if sizes else None
