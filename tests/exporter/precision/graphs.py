"""LoadedArtefact graphs that are in memory, for the tests of precisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
from numpy.typing import NDArray

from bert_runtime.tasks.task import Task

Arrays = dict[str, NDArray[Any]]


def feeds_of(task: Task[Any, Any, Any], batch: int = 2, length: int = 9) -> Arrays:
    """Inputs for an encoder's graph: seeded ids, no padding; (batch, [3 choices,] length)."""
    shape = (batch, 3, length) if task.choices else (batch, length)
    ids = np.random.default_rng(3).integers(5, 100, shape)
    feeds: Arrays = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    if any(spec.name == "positions" for spec in task.inputs()):
        feeds["positions"] = np.array([[1, 3]] * batch)
    return feeds


def run(model: ir.Model, feeds: Mapping[str, NDArray[Any]]) -> Arrays:
    """Outputs by name, on ONNX Runtime's CPU provider."""
    session = onnxruntime.InferenceSession(ir.to_proto(model).SerializeToString(), providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))
