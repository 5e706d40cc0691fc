"""The fusion gate: a graph with fewer fused operators than its head must have is not written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir
from transformers import PreTrainedConfig

from bert_export.errors import GateError
from bert_export.families import find_family
from bert_runtime.targets import CPU, CUDA, TENSORRT, Operators, find_target
from bert_runtime.tasks.task import Reads, Task

CONTRIB = "com.microsoft"
FOLDED = (TENSORRT.name,)
"""The targets whose graph must hold no scale of attention: in half precision it comes too late for a large score."""

CROSS = "MultiHeadAttention (cross-attention)"
"""What that operator is called where its keys come from an encoder: so a shortfall says which attention is missing."""
RESIDUAL = {CPU.name: "Sum + LayerNormalization", CUDA.name: "SkipLayerNormalization"}
"""Target with fused operators -> how its graph adds a residual and normalises."""

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
        vocabulary_head: the activation of the vocabulary's head; None where there is none.
        cached: whether every layer attends to a cache.
        cross: whether every layer attends to an encoder besides, with a residual of its own.
    """

    layers: int
    activation: str
    reads: Reads
    vocabulary_head: str | None = None
    cached: bool = False
    cross: bool = False

    @classmethod
    def of(cls, task: Task[Any, Any, Any], config: PreTrainedConfig, plain: bool = False) -> Network:
        """The network that `rewrite(model, task, plain)` makes of a model with this configuration."""
        family = find_family(config.model_type)
        reads = Reads.ALL_TOKENS if plain else task.reads
        activation = family.value(config, "hidden_act")
        assert isinstance(activation, str)
        words = None
        if task.reads in (Reads.MASKED_POSITIONS, Reads.LAST_TOKEN):
            words = activation if family.vocabulary.activation else "gelu"
        cached = task.is_autoregressive
        cross = cached and bool(config.add_cross_attention)
        return cls(family.value(config, "num_hidden_layers"), activation, reads, words, cached, cross)


def expected_fusions(network: Network, target: str) -> dict[str, int]:
    """Operator -> how many the graph must hold; empty for a target that fuses nothing."""
    if find_target(target).operators is not Operators.FUSED:
        return {}
    # A layer that computes fewer rows than it reads needs the operator with separate queries, and so does a cache.
    separate = network.layers if network.cached else int(network.reads is not Reads.ALL_TOKENS)
    expected = {
        "EmbedLayerNormalization": int(not network.cached),
        "Attention": network.layers - separate,
        "MultiHeadAttention": separate,
        CROSS: network.layers * int(network.cross),
        RESIDUAL[target]: (2 + int(network.cross)) * network.layers,
    }
    activations = [network.activation] * network.layers
    activations += [network.vocabulary_head] if network.vocabulary_head else []
    expected |= Counter(ACTIVATIONS[name] for name in activations if name in ACTIVATIONS)
    return {operator: number for operator, number in expected.items() if number}


def check_folded(counts: Mapping[str, int], network: Network, target: str) -> None:
    """Pass, or say how many attentions still scale their scores; `counts` are those of the passes.

    Raises:
        GateError: the scale of an attention is not in the weights of its queries.
    """
    expected, found = network.layers * (1 + int(network.cross)), counts.get("fold_query_scale", 0)
    if target in FOLDED and found != expected:
        raise GateError(
            f"the scale of {found} attentions was folded into their queries, expected {expected}. Most likely the "
            "installed torch traces this model in another form: install the versions of constraints.txt, or export "
            "with --target portable"
        )


def check_key_lengths(found: int, network: Network) -> None:
    """Pass, or say how many attentions kept the raw mask; `found` is the count of `key_lengths`.

    Raises:
        GateError: not every layer's does.
    """
    if found != network.layers:
        raise GateError(
            f"{found} attentions take the lengths of right-padded rows, expected {network.layers}. Most likely the "
            "installed torch or onnxscript traces this model in another form: install the versions of "
            "constraints.txt, or export with --masks any"
        )


def check_packed(model: ir.Model, network: Network) -> None:
    """Pass, or say what of a packed graph is missing: every layer that computes all tokens computes no padding.

    Raises:
        GateError: an attention reads padding, or padding is not removed and restored once.
    """
    expected = expected_fusions(network, CUDA.name)
    attentions = expected.pop("Attention", 0)
    if not attentions:
        raise GateError(
            "no layer of this head computes every token, which packing is for; export without --remove-padding"
        )
    check_fusions(model, {**expected, "RemovePadding": 1, "PackedAttention": attentions, "RestorePadding": 1})
    found = count_fusions(model)
    if found["Attention"] or found["RestorePadding"] > 1:
        raise GateError(
            f"packing left {found['Attention']} attentions that read padding and restores it {found['RestorePadding']} "
            "times, expected none and once: export without --remove-padding"
        )


def count_fusions(model: ir.Model) -> Counter[str]:
    """Operator -> how many of it the graph holds: those of ONNX Runtime's own domain, with the names of CROSS and
    RESIDUAL."""
    summed = sum(_normalises_a_sum(node) for node in model.graph)
    own = Counter(_name(node) for node in model.graph if node.domain == CONTRIB)
    return own + Counter({RESIDUAL[CPU.name]: summed})


def _normalises_a_sum(node: ir.Node) -> bool:
    producer = node.inputs[0].producer() if node.op_type == "LayerNormalization" and node.inputs[0] else None
    return producer is not None and producer.op_type == "Sum"


def _name(node: ir.Node) -> str:
    """The operator, and of attention to keys that are an input of the graph, what it attends to."""
    key = node.inputs[1] if node.op_type == "MultiHeadAttention" else None
    return CROSS if key is not None and key.is_graph_input() else node.op_type


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
