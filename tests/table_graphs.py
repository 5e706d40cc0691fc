"""Graphs that are tables: each token id has a number, so that answers are known without a network.

    python -m tests.table_graphs

writes those of `tests/runtime/graphs` again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bert_runtime.tasks import find_task
from bert_runtime.tasks.tensors import TensorSpec

FOLDER = Path(__file__).parent / "runtime/graphs"
OPSET = 20
IDS = 128


def graphs() -> Mapping[str, bytes]:
    """Task -> its graph."""
    nodes = {
        # Each token has its own start and end logit, whatever stands around it.
        "question-answering": [
            helper.make_node("Gather", [f"{name}_table", "input_ids"], [name])
            for name in ("start_logits", "end_logits")
        ],
        # A choice's logit is the sum of its tokens' numbers: padding that is not masked would change it.
        "multiple-choice": [
            helper.make_node("Gather", ["logits_table", "input_ids"], ["numbers"]),
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["numbers", "mask"], ["kept"]),
            helper.make_node("ReduceSum", ["kept", "last"], ["logits"], keepdims=0),
        ],
    }
    tasks = {name: find_task(name) for name in nodes}
    return {
        name: _model(nodes[name], task.inputs(), task.graph_outputs(False)).SerializeToString(deterministic=True)
        for name, task in tasks.items()
    }


def _model(
    nodes: Sequence[onnx.NodeProto], inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> onnx.ModelProto:
    """The graph of `nodes`, with a seeded table of one number for each token id behind every output."""
    random = np.random.default_rng(7)
    tables = [
        numpy_helper.from_array(random.normal(size=IDS).astype(np.float32), f"{spec.name}_table") for spec in outputs
    ]
    last = numpy_helper.from_array(np.array([-1], dtype=np.int64), "last")
    graph = helper.make_graph(
        nodes,
        "table",
        [helper.make_tensor_value_info(spec.name, TensorProto.INT64, spec.axes) for spec in inputs],
        [helper.make_tensor_value_info(spec.name, TensorProto.FLOAT, spec.axes) for spec in outputs],
        [*tables, last],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)


if __name__ == "__main__":
    for name, content in graphs().items():
        (FOLDER / f"{name}.onnx").write_bytes(content)
