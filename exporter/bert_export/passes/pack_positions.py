"""Places and distances in a text, for rows that hold several: numbers after padding, and biases for distances."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import onnx_ir as ir

from bert_export.passes.constants import produced_by

BIAS_TABLE = "relative_bias.table"
"""What the name of a table of biases for distances ends with: see `bert_export.rewrite.relative_bias`."""


class MakeNode(Protocol):
    """Adds a node to the graph; its output."""

    def __call__(
        self, operator: str, inputs: Sequence[ir.Value], name: str, **attributes: int | list[int]
    ) -> ir.Value: ...


@dataclass(frozen=True)
class Places:
    """What rows of several texts tell of a token's place, int64 (batch, sequence), and how to add to their graph."""

    ids: ir.Value
    positions: ir.Value
    node: MakeNode
    constant: Callable[[str, list[int]], ir.Value]


@dataclass(frozen=True)
class RelativeBiasOfRow:
    """A bias (1, heads, sequence, sequence) for the distances between the tokens of a row.

    Attributes:
        value: the bias.
        table: the biases for all distances, (distances, heads).
        least: the constant that makes an index of a distance.
    """

    value: ir.Value
    table: ir.Value
    least: ir.Value

    def for_texts(self, places: Places) -> ir.Value:
        """The bias (batch, heads, sequence, sequence) for distances between places in texts."""
        keys = places.node("Unsqueeze", [places.positions, places.constant("axis_1", [1])], "key_places")
        queries = places.node("Unsqueeze", [places.positions, places.constant("axis_2", [2])], "query_places")
        distances = places.node("Sub", [keys, queries], "distances")
        index = places.node("Add", [distances, self.least], "distance_index")
        biases = places.node("Gather", [self.table, index], "biases", axis=0)
        return places.node("Transpose", [biases], "biases_by_head", perm=[0, 3, 1, 2])

    def of_rows(self) -> Iterator[ir.Value]:
        """The part of it that belongs to the queries of a layer that computes fewer rows, if there is one."""
        for reader, _ in self.value.uses():
            if reader.op_type != "Add":
                yield _last_before(reader.outputs[0])


def _last_before(value: ir.Value) -> ir.Value:
    """The value that an addition reads, further down."""
    reader, _ = next(iter(value.uses()))
    return value if reader.op_type == "Add" else _last_before(reader.outputs[0])


def relative_biases(graph: ir.Graph) -> Iterator[RelativeBiasOfRow]:
    """The graph's biases for distances, each with its table."""
    for name, table in list(graph.initializers.items()):
        if not name.endswith(BIAS_TABLE):
            continue
        for node, _ in list(table.uses()):
            shifted = produced_by(node.inputs[1], "Add")
            least = shifted.inputs[1] if shifted is not None else None
            assert least is not None
            yield RelativeBiasOfRow(_last_before_rank(node.outputs[0]), table, least)


def _last_before_rank(value: ir.Value) -> ir.Value:
    """The value of four axes that is made of it."""
    if value.shape is not None and value.shape.rank() == 4:
        return value
    reader, _ = next(iter(value.uses()))
    return _last_before_rank(reader.outputs[0])


def count_after_padding(numbers: ir.Value, places: Places) -> ir.Value:
    """The number of each token among its text's tokens that are no padding, after that of padding.

    Args:
        numbers: the same in the whole row: cumulated(is_token) * is_token + padding.
    """
    shifted = produced_by(numbers, "Add")
    counted = produced_by(shifted.inputs[0], "Mul") if shifted is not None else None
    assert shifted is not None
    assert counted is not None
    (cumulated, is_token), padding = counted.inputs, shifted.inputs[1]
    assert cumulated is not None
    assert is_token is not None
    assert padding is not None
    node = places.node
    before = node("Sub", [cumulated, is_token], "tokens_before")
    ones = node("Equal", [places.positions, places.positions], "every_token")
    whole = node("Cast", [ones], "every_token_counts", to=ir.DataType.INT64)
    row_places = node("CumSum", [whole, places.constant("axis_1", [1])], "row_places", exclusive=1)
    starts = node("Sub", [row_places, places.positions], "text_starts")
    at_start = node("GatherElements", [before, starts], "tokens_before_text", axis=1)
    own = node("Sub", [cumulated, at_start], "tokens_before_in_text")
    return node("Add", [node("Mul", [own, is_token], "numbers"), padding], "numbers_after_padding")
