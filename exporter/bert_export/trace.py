"""From a torch module to an ONNX graph whose tensors and axes have the names of the task."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

import onnx_ir as ir
import torch

from bert_export.errors import CheckpointError
from bert_export.rewrite import Traceable
from bert_runtime.tasks.task import TensorSpec

OPSET = 20
"""The first with Gelu, and old enough for OpenVINO and TensorRT."""

SIZES = {"batch": 2, "choices": 3, "sequence": 6, "masks": 4}
"""What is traced. All differ and none is 1, which torch would take for a constant or for the same axis."""


def trace(module: Traceable, opset: int = OPSET) -> ir.Model:
    """The ONNX graph of `module`: every axis in `SIZES` is dynamic and named so, all others are fixed.

    Raises:
        CheckpointError: the model's own code fails on its inputs, or torch cannot trace it.
    """
    example = tuple(torch.ones([SIZES[axis] for axis in spec.axes], dtype=torch.int64) for spec in module.inputs)
    axes = {axis: torch.export.Dim(axis) for axis in SIZES}
    shapes = tuple(dict(enumerate(axes[axis] for axis in spec.axes)) for spec in module.inputs)
    try:
        with quiet(), torch.no_grad():
            program = torch.onnx.export(
                module,
                example,
                dynamo=True,
                optimize=False,
                verbose=False,
                opset_version=opset,
                dynamic_shapes=(shapes,),
                input_names=[spec.name for spec in module.inputs],
                output_names=[spec.name for spec in module.outputs],
            )
    except Exception as error:  # the tracer raises whatever the model's code raised, in a wrapper of its own or not
        cause = error.__cause__ or error
        raise CheckpointError(
            f"torch {torch.__version__} cannot trace this model: {str(cause).strip().splitlines()[0]:.200}; expected a "
            "checkpoint whose configuration fits its class, and the versions of constraints.txt"
        ) from error
    assert program is not None
    for value, spec in zip(program.model.graph.outputs, module.outputs, strict=True):
        value.shape = named_shape(value, spec)
    return program.model


def named_shape(value: ir.Value, spec: TensorSpec) -> ir.Shape:
    """The shape of an output with the task's names for its dynamic axes, in place of the tracer's formulas."""
    assert value.shape is not None
    dims = zip(value.shape, spec.axes, strict=True)
    return ir.Shape([size if isinstance(size, int) else axis for size, axis in dims])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the tracer's warnings and log, which say nothing that a user could act on."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
