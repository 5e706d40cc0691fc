"""Whether a manifest and an ONNX file speak of the same tensors: found out without an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bert_runtime.errors import Problem
from bert_runtime.graph_operators import operator_problems
from bert_runtime.manifest import Artefact, FileRecord, Graph, Manifest
from bert_runtime.onnx_file import Dimension, GraphTensor, OnnxFile
from bert_runtime.tasks.tensors import TensorSpec


def graph_problems(artefact: Artefact, graph: Graph, found: OnnxFile, manifest: Manifest) -> Iterator[str]:
    """Where a graph's ONNX file contradicts the manifest; `manifest.files` gives the sizes of external data."""
    yield from operator_problems(artefact.target, found)
    if found.opset != artefact.opset:
        yield Problem("wrong-signature", "opset", f"has opset {found.opset}, expected the manifest's {artefact.opset}")
    yield from _external_problems(graph, found, manifest.files)
    # An initializer that is also an input is a default value: the graph may keep it to itself.
    declared = {spec.name for spec in graph.inputs}
    inputs = [tensor for tensor in found.inputs if tensor.name in declared or tensor.name not in found.initializers]
    yield from _tensor_problems("inputs", graph.inputs, inputs, manifest.sizes)
    yield from _tensor_problems("outputs", graph.outputs, found.outputs, manifest.sizes)


def _external_problems(graph: Graph, found: OnnxFile, files: Mapping[str, FileRecord]) -> Iterator[str]:
    allowed = ", ".join(graph.data) or "none"
    used = set()
    for external in found.external:
        used.add(external.location)
        if external.location not in graph.data:
            where = f"the external data of tensor {external.tensor!r:.80} lies in {external.location!r:.80}"
            yield Problem(
                "unlisted-file",
                graph.file,
                f"{where}, expected only the files that the manifest lists under data: {allowed}",
            )
            continue
        size = files[external.location].size
        end = external.offset + (external.length or 0)
        if end > size:
            yield Problem(
                "out-of-range",
                external.location,
                f"tensor {external.tensor!r:.80} ends at byte {end} of {external.location}, expected at most {size}",
            )
    for name in sorted(set(graph.data) - used):
        yield Problem(
            "unused-file",
            name,
            f"no tensor lies in {name}, expected one in every file that the manifest lists under data",
        )


def _tensor_problems(
    kind: str, specs: Iterable[TensorSpec], tensors: Iterable[GraphTensor], sizes: Mapping[str, int]
) -> Iterator[str]:
    declared, found = {spec.name: spec for spec in specs}, {tensor.name: tensor for tensor in tensors}
    if declared.keys() != found.keys():
        names = (
            f"{', '.join(sorted(found)) or 'none'}, expected the manifest's: {', '.join(sorted(declared)) or 'none'}"
        )
        yield Problem("wrong-signature", kind, f"the graph's {kind} are {names}")
    for name in sorted(declared.keys() & found.keys()):
        spec, tensor = declared[name], found[name]
        if tensor.dtype != spec.dtype:
            yield Problem(
                "wrong-signature",
                name,
                f"{name!r} is of type {tensor.dtype or 'unknown'} in the graph, expected the manifest's {spec.dtype}",
            )
        if tensor.shape is not None:
            yield from _shape_problems(spec, tensor.shape, sizes)


def _shape_problems(spec: TensorSpec, shape: tuple[Dimension, ...], sizes: Mapping[str, int]) -> Iterator[str]:
    if len(shape) != len(spec.axes):
        yield Problem(
            "wrong-signature",
            spec.name,
            f"{spec.name!r} has {len(shape)} axes in the graph, expected the manifest's: {', '.join(spec.axes)}",
        )
        return
    for axis, size in zip(spec.axes, shape, strict=True):
        if isinstance(size, int) and size != sizes.get(axis):
            expected = sizes.get(axis, "a size that changes with the request")
            yield Problem(
                "wrong-signature",
                spec.name,
                f"the axis {axis} of {spec.name!r} is {size} in the graph, expected {expected}",
            )
