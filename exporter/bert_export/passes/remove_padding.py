"""Packing: the layers compute real tokens alone, one row after another, as in Effective Transformer.

RemovePadding takes the padding out after the embeddings, PackedAttention keeps each row to itself, and RestorePadding
puts zeros back where whole rows are read again. All three are ONNX Runtime's, and only its CUDA provider has them (its
ContribOperators.md). Everything between them treats each token alone, so that its rows may stand in one long row.
"""

from __future__ import annotations

from collections.abc import Collection

import onnx_ir as ir

from bert_export.passes.constants import array
from bert_export.passes.key_lengths import MASK_INPUT

DOMAIN = "com.microsoft"
NORMS = frozenset({"SkipLayerNormalization", "LayerNormalization"})
FUSED = frozenset({"BiasGelu", "FastGelu", "QuickGelu", *NORMS})
BIAS_INPUT = 5
"""Which input of Attention is a bias for distances."""
ELEMENTWISE = frozenset({"Add", "Sub", "Mul", "Div", "Pow", "Cast", "Gelu", "Relu", "Tanh", "Erf", "Sigmoid", "Sqrt"})
"""Operators that treat each token alone, where their other inputs are vectors."""


def remove_padding(model: ir.Model) -> int:
    """Remove the padding of a graph whose attentions take lengths (see `key_lengths`); how many attentions are packed.

    What is packed ends with the last layer that computes every token: a normalisation that whole rows are read from.
    """
    graph = model.graph
    first = next((node for node in graph if node.op_type == "Attention"), None)
    if first is None:
        return 0
    start = _uncast(first.inputs[0])
    lengths = first.inputs[MASK_INPUT["Attention"]]
    assert start is not None
    assert lengths is not None
    region = _region(graph, start, lengths)
    removed = _remove_padding(start, lengths)
    packed, offsets, cumulated, _ = removed.outputs
    graph.insert_before(region[0], removed)
    for node in region:
        for index, value in enumerate(node.inputs):
            if value is start:
                node.replace_input_with(index, packed)
    _restore(graph, region, offsets)
    attentions = [node for node in region if node.op_type == "Attention"]
    for node in attentions:
        _pack_attention(graph, node, offsets, cumulated)
    graph.sort()
    return len(attentions)


def _uncast(value: ir.Value | None) -> ir.Value | None:
    """The value before conversions between precisions."""
    node = value.producer() if value is not None else None
    return _uncast(node.inputs[0]) if node is not None and node.op_type == "Cast" else value


def _remove_padding(start: ir.Value, lengths: ir.Value) -> ir.Node:
    """The operator: the tokens, where each stands, how many stand before each row, and the longest row."""
    node = ir.node("RemovePadding", [start, lengths], domain=DOMAIN, num_outputs=4, name="RemovePadding")
    for value, name in zip(node.outputs, ("packed", "token_offset", "cumulated_lengths", "longest"), strict=True):
        value.name, value.type = name, ir.TensorType(ir.DataType.INT32)
    node.outputs[0].type, node.outputs[0].shape = start.type, _packed_shape(start)
    return node


def _region(graph: ir.Graph, start: ir.Value, lengths: ir.Value) -> list[ir.Node]:
    """The nodes that can read tokens without padding, in the graph's order, up to normalisations."""
    known: set[ir.Value | None] = {start}
    region: list[ir.Node] = []
    for node in graph:
        if _treats_tokens_alone(node, known, lengths) and not any(value.is_graph_output() for value in node.outputs):
            region.append(node)
            known.update(node.outputs)
    kept: list[ir.Node] = []
    for node in reversed(region):
        readers = (reader for value in node.outputs for reader, _ in value.uses())
        if node.op_type in NORMS or any(reader in kept for reader in readers):
            kept.insert(0, node)
    return kept


def _treats_tokens_alone(node: ir.Node, known: Collection[ir.Value | None], lengths: ir.Value) -> bool:
    first, *others = node.inputs
    if node.op_type == "Attention":
        return first in known and node.inputs[MASK_INPUT["Attention"]] is lengths
    if node.op_type == "MatMul":
        weight = array(others[0])
        return first in known and weight is not None and weight.ndim == 2
    if node.op_type not in FUSED and (node.domain or node.op_type not in ELEMENTWISE):
        return False
    read = [value for value in node.inputs if value is not None and value in known]
    constants = [array(value) for value in node.inputs if value is not None and value not in known]
    return bool(read) and all(constant is not None and constant.ndim <= 1 for constant in constants)


def _restore(graph: ir.Graph, region: list[ir.Node], offsets: ir.Value) -> None:
    """Restore padded rows for readers outside the region; values inside it have one axis less from now on."""
    inside = set(region)
    for value in [value for node in region for value in node.outputs]:
        outside = [(reader, index) for reader, index in value.uses() if reader not in inside]
        if outside:
            node = ir.node("RestorePadding", [value, offsets], domain=DOMAIN, name=f"{value.name}/RestorePadding")
            restored, producer = node.outputs[0], value.producer()
            restored.name, restored.type, restored.shape = f"{node.name}:0", value.type, value.shape
            assert producer is not None
            graph.insert_after(producer, node)
            for reader, index in outside:
                reader.replace_input_with(index, restored)
        value.shape = _packed_shape(value)


def _pack_attention(graph: ir.Graph, node: ir.Node, offsets: ir.Value, cumulated: ir.Value) -> None:
    attributes = [node.attributes[name] for name in ("num_heads", "scale") if name in node.attributes]
    biases = [value for value in node.inputs[BIAS_INPUT:] if value is not None]
    packed = ir.node(
        "PackedAttention",
        [*node.inputs[:3], offsets, cumulated, *biases],
        attributes={attribute.name: attribute for attribute in attributes},
        domain=DOMAIN,
        name=str(node.name).replace("/Attention", "/PackedAttention"),
    )
    old, new = node.outputs[0], packed.outputs[0]
    new.name, new.type, new.shape = f"{packed.name}:0", old.type, old.shape
    old.replace_all_uses_with(new)
    graph.insert_after(node, packed)
    graph.remove(node, safe=True)


def _packed_shape(value: ir.Value) -> ir.Shape | None:
    return None if value.shape is None else ir.Shape(["tokens", value.shape[-1]])
