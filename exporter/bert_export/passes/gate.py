"""The fusion gate: a graph with fewer fused operators than its head must have is not written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
from transformers import BertConfig

from bert_export.errors import GateError
from bert_runtime.tasks.task import Reads, Task

CONTRIB = "com.microsoft"
FUSED = ("cpu", "cuda")
"""The targets whose engine has fused operators of its own."""

ACTIVATIONS = {
    "gelu": "BiasGelu",
    "gelu_python": "BiasGelu",
    "gelu_new": "FastGelu",
    "gelu_fast": "FastGelu",
    "gelu_pytorch_tanh": "FastGelu",
    "gelu_python_tanh": "FastGelu",
    "quick_gelu": "QuickGelu",
}
"""Name of an activation in transformers -> the operator it becomes; the others have no fused operator."""


@dataclass(frozen=True)
class Network:
    """What the expected fusions depend on.

    Attributes:
        layers: the number of encoder layers.
        activation: `hidden_act` of the configuration.
        reads: which rows of the last layer are computed.
        vocabulary_head: whether the vocabulary's head is there, which has one more activation.
        cached: whether every layer attends to a cache.
    """

    layers: int
    activation: str
    reads: Reads
    vocabulary_head: bool = False
    cached: bool = False

    @classmethod
    def of(cls, task: Task[Any, Any, Any], config: BertConfig, plain: bool = False) -> Network:
        """The network that `rewrite(model, task, plain)` makes of a model with this configuration."""
        words = task.reads in (Reads.MASKED_POSITIONS, Reads.LAST_TOKEN)
        reads = Reads.ALL_TOKENS if plain else task.reads
        activation = config.hidden_act
        assert isinstance(activation, str)
        return cls(config.num_hidden_layers, activation, reads, words, task.is_autoregressive)


def expected_fusions(network: Network, target: str) -> dict[str, int]:
    """Operator -> how many the graph must hold; empty for a target that fuses nothing."""
    if target not in FUSED:
        return {}
    # A layer that computes fewer rows than it reads needs the operator with separate queries, and so does a cache.
    separate = network.layers if network.cached else int(network.reads is not Reads.ALL_TOKENS)
    expected = {
        "EmbedLayerNormalization": int(not network.cached),
        "Attention": network.layers - separate,
        "MultiHeadAttention": separate,
        "SkipLayerNormalization": 2 * network.layers,
    }
    if network.activation in ACTIVATIONS:
        expected[ACTIVATIONS[network.activation]] = network.layers + int(network.vocabulary_head)
    return {operator: number for operator, number in expected.items() if number}


def count_fusions(model: ir.Model) -> Counter[str]:
    """Operator -> how many of it the graph holds, for the operators of ONNX Runtime's own domain."""
    return Counter(node.op_type for node in model.graph if node.domain == CONTRIB)


def check_fusions(model: ir.Model, expected: Mapping[str, int]) -> None:
    """Pass, or say what is missing.

    Raises:
        GateError: the graph holds fewer of an operator than expected; names every one of them.
    """
    found = count_fusions(model)
    missed = [
        f"{operator}: found {found[operator]}, expected {number}"
        for operator, number in expected.items()
        if found[operator] < number
    ]
    if missed:
        raise GateError(
            f"the graph was not fused as it must be ({'; '.join(missed)}). Most likely the installed torch or"
            " onnxscript traces this model in another form: install the versions of constraints.txt, or export with"
            " --target portable, which needs no fusion"
        )
