"""Whether a session really runs where it was asked to: ONNX Runtime falls back to the CPU and only logs that."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bert_runtime.errors import BackendError

RECORD = "session.record_ep_graph_assignment_info"
"""The session option that makes ONNX Runtime remember which provider took which node."""

SMALL = frozenset(
    {
        "Add",
        "Cast",
        "Concat",
        "Constant",
        "ConstantOfShape",
        "Div",
        "Equal",
        "Expand",
        "Flatten",
        "Gather",
        "Identity",
        "MemcpyFromHost",
        "MemcpyToHost",
        "Mul",
        "Range",
        "ReduceProd",
        "ReduceSum",
        "Reshape",
        "Shape",
        "Size",
        "Slice",
        "Squeeze",
        "Sub",
        "Unsqueeze",
        "Where",
    }
)
"""Operators that the providers of GPUs leave to the CPU where they compute shapes, a few integers; and copies."""


def check_assignment(session: Any, provider: str, fix: str) -> None:
    """Refuse a session without `provider`, or with a node of weight elsewhere.

    What is proven: the provider was created; and of every node, as ONNX Runtime recorded it when it divided the graph
    among the providers, that the provider has it or that it is of an operator in SMALL. That such a node computes
    shapes is not proven, nor that a kernel is a fast one: that takes a profile of a run. An ONNX Runtime before 1.24
    keeps no such record, and is refused.

    Raises:
        BackendError: the session is not what was asked for.
    """
    providers = session.get_providers()
    if provider not in providers:
        raise BackendError(f"onnxruntime made a session with {', '.join(providers)}, expected {provider}; {fix}")
    if not hasattr(session, "get_provider_graph_assignment_info"):
        raise BackendError(
            "this onnxruntime does not say which provider took which node, so that nothing proves where the network "
            "runs; run `pip install 'onnxruntime-gpu>=1.24'`"
        )
    strays: Counter[str] = Counter()
    own = 0
    for part in session.get_provider_graph_assignment_info():
        operators = [node.op_type for node in part.get_nodes()]
        if part.ep_name == provider:
            own += len(operators)
        else:
            strays.update(f"{name} on {part.ep_name}" for name in operators if name not in SMALL)
    if strays or not own:
        told = ", ".join(f"{count} {name}" for name, count in strays.most_common(5)) or "nothing at all on it"
        raise BackendError(f"onnxruntime put {told}, expected the whole network on {provider}; {fix}")
