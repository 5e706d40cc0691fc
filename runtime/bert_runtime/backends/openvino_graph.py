"""What OpenVINO made of a graph: read from the model that it really executes."""

from __future__ import annotations

from typing import Any

FUSED = ("Subgraph", "ScaledDotProductAttention", "MHA")
"""The kinds of kernel in which OpenVINO computes a whole attention."""


def fused_attentions(executed: Any) -> int:
    """How many softmaxes run inside one kernel with the products around them.

    Args:
        executed: `CompiledModel.get_runtime_model()`.
    """
    return sum(_kind(node) in FUSED and "Softmax" in _fact(node, "originalLayersNames") for node in executed.get_ops())


def table_rows(executed: Any) -> dict[str, int]:
    """Input -> the rows of the smallest table that it is an index into.

    OpenVINO reads zeros for an index outside a table, where other engines refuse it.
    """
    rows: dict[str, int] = {}
    for node in executed.get_ops():
        if _kind(node) != "Gather":
            continue
        table, index = node.input(0).get_partial_shape(), _source(node, 1)
        while _kind(index) in ("Convert", "Reorder"):
            index = _source(index, 0)
        if _kind(index) == "Input" and table.rank.get_length() == 2 and table[0].is_static:
            name = index.get_friendly_name()
            rows[name] = min(rows.get(name, table[0].get_length()), table[0].get_length())
    return rows


def _source(node: Any, place: int) -> Any:
    return node.input(place).get_source_output().get_node()


def _kind(node: Any) -> str:
    return _fact(node, "layerType")


def _fact(node: Any, key: str) -> str:
    facts = node.get_rt_info()
    return str(facts[key].astype(str)) if key in facts else ""
