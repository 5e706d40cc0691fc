"""Whether a graph is made of the exporter's operators alone, and gives an engine nothing to trap or grow on at load."""

from __future__ import annotations

from collections.abc import Iterator

from bert_runtime.errors import Problem
from bert_runtime.onnx_file import OnnxFile
from bert_runtime.onnx_node import Node
from bert_runtime.operators import (
    FLOATS,
    FUSED_DOMAIN,
    LIKE_ATTRIBUTE,
    MOST_INITIALIZERS,
    MOST_NODES,
    OPERATORS,
    Operator,
)
from bert_runtime.targets import find_target
from bert_runtime.targets.target import Operators

RULE = "forbidden-operator"


def operator_problems(target: str, found: OnnxFile) -> Iterator[Problem]:
    """Where a graph for the target holds more than BUNDLE.md allows; see Operators there."""
    for what in sorted(found.extras):
        yield Problem(RULE, "graph", f"holds {what}, expected the operators of one graph only")
    for count, most, what in (
        (len(found.nodes), MOST_NODES, "nodes"),
        (len(found.initializers), MOST_INITIALIZERS, "initializers"),
    ):
        if count > most:
            yield Problem(RULE, "graph", f"has {count} {what}, expected at most {most}")
            return
    yield from _KnownTensors(target, found).problems(found.nodes)


class _KnownTensors:
    """What is known of each tensor while the nodes are gone through in order."""

    def __init__(self, target: str, found: OnnxFile) -> None:
        value = find_target(target)
        self._target = target
        self._has_fused = value.operators is Operators.FUSED
        self._is_on_gpu = value.is_on_gpu
        self._constants = set(found.initializers)
        self._floats = set(found.floats)
        self._known = {tensor.name for tensor in found.inputs} | found.initializers | {""}

    def problems(self, nodes: tuple[Node, ...]) -> Iterator[Problem]:
        for node in nodes:
            problem = self._problem(node)
            if problem:
                yield Problem(RULE, "graph", problem)
            self._known.update(node.outputs)

    def _problem(self, node: Node) -> str:
        """What is wrong with a node, whose outputs are noted; empty where nothing is."""
        operator = OPERATORS.get((node.domain, node.operator))
        name = f"{node.domain}:{node.operator}"[:80] if node.domain else node.operator[:80]
        if operator is None or not self._allows(node, operator):
            return f"holds the operator {name!r}, which no graph for {self._target} has; export the bundle again"
        for attribute in node.attributes:
            if operator.kinds.get(attribute.name, 0) != attribute.kind or not attribute.kind:
                return f"gives {name} the attribute {attribute.name!r:.80}, expected only: {operator.attributes}"
        return self._problem_of_tensors(node, operator, name)

    def _problem_of_tensors(self, node: Node, operator: Operator, name: str) -> str:
        if not self._known.issuperset(node.inputs):
            return f"has {name} read a tensor that nothing before it makes; expected nodes in order"
        if not self._known.isdisjoint(name for name in node.outputs if name):
            return f"has {name} make a tensor that is there already; expected each once"
        if operator.floats_only and not (node.inputs and node.inputs[0] in self._floats):
            return f"has {name} divide integers, which a processor may trap on; expected floating-point numbers"
        is_constant = all(not name or name in self._constants for name in node.inputs)
        if is_constant and not operator.folds:
            return f"has {name} compute a constant, which an engine does at load; expected its result in the file"
        if is_constant:
            self._constants.update(node.outputs)
        if self._is_float(node, operator):
            self._floats.update(node.outputs[:1])
        return ""

    def _allows(self, node: Node, operator: Operator) -> bool:
        """Whether graphs for the target have the operator."""
        return (self._has_fused or node.domain != FUSED_DOMAIN) and (self._is_on_gpu or not operator.on_gpu)

    def _is_float(self, node: Node, operator: Operator) -> bool:
        """Whether its first output is floating-point: sure where an engine accepts the node at all."""
        if operator.like == LIKE_ATTRIBUTE:
            return any(each.name in ("to", "value") and each.number in FLOATS for each in node.attributes)
        return 0 <= operator.like < len(node.inputs) and node.inputs[operator.like] in self._floats
