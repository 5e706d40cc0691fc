"""A graph whose rows hold several texts each: sequence packing, for an engine that is slow with many shapes.

Everything in an encoder but three parts treats each token alone, and does not care whose it is. Positions count from
the start of each text (see `pack_positions`), a token attends to those of its own text (Krell et al. 2021, "Efficient
sequence packing without cross-contamination"), and what is read of a text is read where it stands. The weights are the
graph's own, in any precision; a text's answer is what the graph gives for the text alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir
from onnx_ir.passes import common

from bert_export.passes.constants import integers, produced_by, scalar, vector
from bert_export.passes.optional_positions import POSITION_TABLE
from bert_export.passes.pack_positions import Places, count_after_padding, relative_biases
from bert_runtime.tasks.task import Reads
from bert_runtime.tasks.tensors import SequencePacking

NAME = "sequence_packing"


def pack_sequences(model: ir.Model, tensors: SequencePacking, reads: Reads) -> int:
    """Rewrite a graph of standard operators in place; how many attentions keep texts apart.

    Args:
        tensors: the inputs and outputs that it has afterwards.
        reads: which positions of the last layer its head reads.
    """
    apart = _Rewriting(model.graph, tensors, reads).run()
    common.RemoveUnusedNodesPass()(model)
    return apart


def _width(graph: ir.Graph) -> int:
    """How many numbers the last layer gives for a token: embeddings may be narrower, as ELECTRA's are."""
    norm = [node for node in graph if node.op_type == "LayerNormalization"][-1]
    scale = norm.inputs[1]
    assert scale is not None
    assert scale.const_value is not None
    return int(scale.const_value.shape.numpy()[0])


class _Rewriting:
    """The graph, and its inputs by name, old and new."""

    def __init__(self, graph: ir.Graph, tensors: SequencePacking, reads: Reads) -> None:
        self.graph, self.tensors, self.reads = graph, tensors, reads
        self.made: dict[str, ir.Value] = {}
        self.values = {str(value.name): value for value in graph.inputs}
        for spec in tensors.inputs:
            if spec.name not in self.values:
                shape, kind = ir.Shape(spec.axes), ir.TensorType(ir.DataType.INT64)
                self.values[spec.name] = ir.Value(name=spec.name, shape=shape, type=kind)
        self.table = next(value for name, value in graph.initializers.items() if name.endswith(POSITION_TABLE))
        self.hidden = _width(graph)

    def run(self) -> int:
        """See `pack_sequences`."""
        self._count_positions()
        self._count_distances()
        apart = self._keep_apart()
        if self.reads is Reads.FIRST_TOKEN:
            self._read_first_tokens()
        if any("texts" in spec.axes for spec in self.tensors.inputs):
            self._pool()
            self._shape_outputs()
        self.graph.inputs.clear()
        self.graph.inputs.extend(self.values[spec.name] for spec in self.tensors.inputs)
        self.graph.sort()
        return apart

    def _count_positions(self) -> None:
        """Positions in the text in place of positions in the row."""
        for node, _ in list(self.table.uses()):
            if node.op_type == "Slice":
                counted = self._node("Gather", [self.table, self.values["position_ids"]], "positions", axis=0)
                node.outputs[0].replace_all_uses_with(counted)
            elif node.op_type == "Gather":
                node.replace_input_with(1, count_after_padding(_input(node, 1), self._places))

    def _count_distances(self) -> None:
        """Distances in the text in place of those in the row, where attention has a bias for them."""
        for bias in relative_biases(self.graph):
            pairs = bias.for_texts(self._places)
            for rows in bias.of_rows():  # the last layer's queries are fewer
                by_query = self._node("Transpose", [pairs], "pairs_by_query", perm=[0, 2, 1, 3])
                read = self._at_positions(by_query, "bias_read")
                rows.replace_all_uses_with(self._node("Transpose", [read], "pairs_read_by_head", perm=[0, 2, 1, 3]))
            bias.value.replace_all_uses_with(pairs)
        for node, index in list(self.values["attention_mask"].uses()):
            if node.op_type == "Shape":  # the mask is no input any more
                node.replace_input_with(index, self.values["input_ids"])

    @property
    def _places(self) -> Places:
        return Places(self.values["input_ids"], self.values["position_ids"], self._node, self._constant)

    def _constant(self, name: str, numbers: list[int]) -> ir.Value:
        return integers(self.graph, f"{NAME}/{name}", numbers)

    def _keep_apart(self) -> int:
        """A bias for each pair of tokens in place of one for each key."""
        ids = self.values["sequence_ids"]
        same = self._node("Equal", [self._with_axis(ids, 2), self._with_axis(ids, 1)], "same_text")
        adding = [(node, bias) for node in self.graph if (bias := _padding_bias(node, self.values["attention_mask"]))]
        for node, (place, lowest, zero) in adding:
            pairs = self._once("Where", [same, zero, lowest], "pairs")
            if self.reads is not Reads.ALL_TOKENS and node is adding[-1][0]:  # the last layer's queries are fewer
                pairs = self._at_positions(pairs, "pairs_read")
            node.replace_input_with(place, self._with_axis(pairs, 1))
        return sum(_attentions(node) for node, _ in adding)

    def _read_first_tokens(self) -> None:
        """The first token of each text in place of the first of each row, and as many queries in the last layer."""
        for node in list(self.graph):
            if node.op_type == "Slice" and vector(node.inputs[2]) == vector(node.inputs[3]) == [1]:
                node.outputs[0].replace_all_uses_with(self._at_positions(_input(node), "first_tokens"))
            shape = vector(node.inputs[1]) if node.op_type == "Reshape" else None
            if shape is not None and shape[:2] == [-1, 1]:
                sizes = [0, -1, *shape[2:]]
                node.replace_input_with(1, integers(self.graph, f"{NAME}/sizes_{len(sizes)}", sizes))
                node.attributes.pop("allowzero", None)

    def _pool(self) -> None:
        """One vector for each text, (batch * texts, hidden), in place of one for each row."""
        flat = integers(self.graph, f"{NAME}/flat", [-1, self.hidden])
        for node in list(self.graph):
            if node.op_type == "Gather" and _axis(node) == 1 and scalar(node.inputs[1]) == 0:
                read = _input(node)
                if self.reads is not Reads.FIRST_TOKEN:
                    read = self._at_positions(read, "pooled")
                self._pooled(node, self._node("Reshape", [read, flat], "pooled/flat"))
            elif (tokens := _averaged(node)) is not None:
                means = self._means(tokens)
                self._pooled(node, self._node("Reshape", [means, flat], "means/flat"))
            elif node.op_type == "Expand":  # of a norm, to the vectors that it divides: division does that itself
                node.outputs[0].replace_all_uses_with(_input(node))

    def _pooled(self, node: ir.Node, vectors: ir.Value) -> None:
        """Vectors of texts in place of those of rows."""
        old = node.outputs[0]
        vectors.shape, vectors.type = old.shape, old.type
        old.replace_all_uses_with(vectors, replace_graph_outputs=True)

    def _means(self, tokens: ir.Value) -> ir.Value:
        """The mean of the tokens of each text, (batch, texts, hidden)."""
        ids = self.values["sequence_ids"]
        read = self._with_axis(self._at_positions(ids, "texts_read"), 2)
        same = self._node("Equal", [read, self._with_axis(ids, 1)], "tokens_of_text")
        weights = self._node("Cast", [same], "weights", to=ir.DataType.FLOAT)
        sums = self._node("MatMul", [weights, tokens], "sums")
        last = integers(self.graph, f"{NAME}/axis_2", [2])
        counts = self._node("ReduceSum", [weights, last], "counts", keepdims=1)
        return self._node("Div", [sums, counts], "means")

    def _shape_outputs(self) -> None:
        """(batch * texts, ...) as (batch, texts, ...)."""
        given = self._node("Shape", [self.values["positions"]], "texts")
        rest = integers(self.graph, f"{NAME}/rest", [-1])
        sizes = self._node("Concat", [given, rest], "texts_and_rest", axis=0)
        for i, (value, spec) in enumerate(zip(list(self.graph.outputs), self.tensors.outputs, strict=True)):
            if spec.axes[1] != "texts":
                continue
            shaped = self._node("Reshape", [value, sizes], f"output_{i}")
            value.name, shaped.name = f"{spec.name}/flat", spec.name
            assert value.shape is not None
            shaped.shape, shaped.type = ir.Shape(["batch", "texts", *list(value.shape)[1:]]), value.type
            value.shape = None
            self.graph.outputs[i] = shaped

    def _at_positions(self, value: ir.Value, name: str) -> ir.Value:
        """The rows (batch, read, ...) of (batch, sequence, ...) that `positions` name."""
        return self._node("GatherND", [value, self._with_axis(self.values["positions"], -1)], name, batch_dims=1)

    def _with_axis(self, value: ir.Value, axis: int) -> ir.Value:
        """With one more axis, of size 1."""
        last = f"axis_{axis}" if axis >= 0 else "last_axis"
        where = integers(self.graph, f"{NAME}/{last}", [axis])
        return self._once("Unsqueeze", [value, where], f"{str(value.name).removeprefix(f'{NAME}/')}/{last}")

    def _once(self, operator: str, inputs: Sequence[ir.Value], name: str) -> ir.Value:
        """The node's output; one that was asked for before is not made again."""
        if name not in self.made:
            self.made[name] = self._node(operator, inputs, name)
        return self.made[name]

    def _node(self, operator: str, inputs: Sequence[ir.Value], name: str, **attributes: int | list[int]) -> ir.Value:
        """A new node's output, of the same name."""
        node = ir.node(operator, list(inputs), attributes=attributes, name=f"{NAME}/{name}")
        node.outputs[0].name = node.name
        self.graph.append(node)
        return node.outputs[0]


def _padding_bias(node: ir.Node, mask: ir.Value) -> tuple[int, ir.Value, ir.Value] | None:
    """Which input of an addition hides padding, the number that it hides with, and 0."""
    for place, value in enumerate(node.inputs if node.op_type == "Add" else ()):
        unsqueezed = produced_by(value, "Unsqueeze")
        where = produced_by(unsqueezed.inputs[0], "Where") if unsqueezed is not None else None
        hidden = produced_by(where.inputs[0], "Equal") if where is not None else None
        if where is not None and hidden is not None and hidden.inputs[0] is mask:
            _, lowest, zero = where.inputs
            assert lowest is not None
            assert zero is not None
            return place, lowest, zero
    return None


def _averaged(node: ir.Node) -> ir.Value | None:
    """The tokens whose mean a division is: of a sum of tokens, by their number."""
    summed = produced_by(node.inputs[0], "ReduceSum") if node.op_type == "Div" else None
    weighted = produced_by(summed.inputs[0], "Mul") if summed is not None else None
    return None if weighted is None else weighted.inputs[0]


def _attentions(adding: ir.Node) -> int:
    """How many attentions an addition serves: one whose scores it adds to, or all that add what it gives."""
    readers = [reader for reader, _ in adding.outputs[0].uses()]
    return sum(1 if reader.op_type == "Softmax" else _attentions(reader) for reader in readers)


def _input(node: ir.Node, index: int = 0) -> ir.Value:
    """One that the operator always has."""
    value = node.inputs[index]
    assert value is not None
    return value


def _axis(node: ir.Node) -> int:
    return node.attributes.get_int("axis", 0)
