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

OPSET = 20
"""The first with Gelu, and old enough for OpenVINO and TensorRT."""

SIZES = {"batch": 2, "choices": 3, "sequence": 6, "masks": 4, "past": 5, "total": 11, "source": 7, "sources": 9}
"""What is traced. All differ and none is 1, which torch would take for a constant or for the same axis."""

FOUND = ("total", "sources")
"""Axes that depend on others, as sum or as divisor: torch derives that itself, and has no option for it."""


def trace(module: Traceable, opset: int = OPSET) -> ir.Model:
    """The ONNX graph of `module`: every axis in `SIZES` is dynamic and named so, all others are fixed.

    Raises:
        CheckpointError: the model's own code fails on its inputs, or torch cannot trace it.
    """
    sizes = SIZES | module.sizes
    example = tuple(
        torch.ones([sizes[axis] for axis in spec.axes], dtype=getattr(torch, spec.dtype)) for spec in module.inputs
    )
    found = (*FOUND, "batch") if "sources" in module.sizes else FOUND
    axes = {axis: torch.export.Dim.AUTO if axis in found else torch.export.Dim(axis) for axis in SIZES}
    shapes = tuple({i: axes[axis] for i, axis in enumerate(spec.axes) if axis in axes} for spec in module.inputs)
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
    name_axes(program.model.graph, module)
    return program.model


def name_axes(graph: ir.Graph, module: Traceable) -> None:
    """Give the dynamic axes the task's names wherever they occur, in place of the tracer's symbols and formulas."""
    names: dict[str, str] = {}
    made = [value for node in graph for value in node.outputs]
    for value, spec in zip((*graph.inputs, *graph.outputs), (*module.inputs, *module.outputs), strict=True):
        assert value.shape is not None
        dims = zip(value.shape, spec.axes, strict=True)
        names |= {str(size): axis for size, axis in dims if not isinstance(size, int)}
    for value in (*graph.inputs, *made):
        if value.shape is not None:
            value.shape = ir.Shape([names.get(str(dim), dim) for dim in value.shape])


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
