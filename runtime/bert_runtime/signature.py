"""Whether a manifest, its task and its graphs speak of the same tensors: found out without an engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bert_runtime.errors import Problem, prefixed
from bert_runtime.manifest import Artefact, FileRecord, Graph, Manifest
from bert_runtime.onnx_file import Dimension, GraphTensor, OnnxFile
from bert_runtime.tasks.activation import activation_of, misfit
from bert_runtime.tasks.task import HeadSettings, Task
from bert_runtime.tasks.tensors import REQUEST_AXES, TYPES, TensorSpec, expand, with_own_width, without_types

_MAY_BE_ABSENT = frozenset({"activation", "prompts", "default_prompt"})
"""Settings with a default."""


def task_problems(manifest: Manifest, task: Task[Any, Any, Any]) -> Iterator[str]:
    """Where the manifest contradicts its task: tensors, settings, labels and sizes."""
    for i, artefact in enumerate(manifest.artefacts):
        for problem in _signature_problems(artefact, task, manifest.sizes.get("layers")):
            yield prefixed(f"artefacts[{i}]", problem)
    yield from _source_problems(manifest, task)
    yield from _sequence_packing_problems(manifest, task)
    yield from _settings_problems(manifest.settings, task)
    labels = len(manifest.settings.labels)
    activation = activation_of(manifest.settings)
    reason = misfit(activation, labels) if activation and "activation" in task.settings and labels else None
    if reason:
        yield Problem("contradiction", "settings.activation", f"settings.activation: {reason}")
    if "labels" in task.settings and manifest.sizes.get("labels") != labels:
        yield Problem(
            "contradiction",
            "settings.labels",
            f"settings.labels has {labels} names, expected sizes.labels of them: {manifest.sizes.get('labels')}",
        )
    yield from _size_problems(manifest)


def graph_problems(artefact: Artefact, graph: Graph, found: OnnxFile, manifest: Manifest) -> Iterator[str]:
    """Where a graph's ONNX file contradicts the manifest; `manifest.files` gives the sizes of external data."""
    if "EPContext" in found.operators:
        yield Problem(
            "forbidden-operator",
            "graph",
            "holds an EPContext operator, which loads a compiled engine; expected ONNX operators only",
        )
    if found.opset != artefact.opset:
        yield Problem("wrong-signature", "opset", f"has opset {found.opset}, expected the manifest's {artefact.opset}")
    yield from _external_problems(graph, found, manifest.files)
    # An initializer that is also an input is a default value: the graph may keep it to itself.
    declared = {spec.name for spec in graph.inputs}
    inputs = [tensor for tensor in found.inputs if tensor.name in declared or tensor.name not in found.initializers]
    yield from _tensor_problems("inputs", graph.inputs, inputs, manifest.sizes)
    yield from _tensor_problems("outputs", graph.outputs, found.outputs, manifest.sizes)


def _signature_problems(artefact: Artefact, task: Task[Any, Any, Any], layers: int | None) -> Iterator[str]:
    """Each begins with what stands after the artefact's name."""
    templates = _templates(artefact, task)
    whose = f"expected those of {task.name}{' (plain)' if artefact.plain else ''}"
    if any(spec.is_per_layer for _, _, specs in templates for spec in specs):
        count = sum(len(found) for _, found, _ in templates)
        if layers is None:
            yield Problem(
                "missing-key",
                "sizes.layers",
                ": sizes.layers is missing, expected the number of layers: the graph has tensors for each of them",
            )
            return
        if layers > count:  # two thousand million names would be made, only to differ
            yield Problem("wrong-signature", "sizes.layers", f" has {count} tensors, {whose} for sizes.layers {layers}")
            return
    for key, found, specs in templates:
        expected = expand(specs, layers or 0)
        if found != expected:
            yield Problem("wrong-signature", key, f".{key} are {_tensors(found)}, {whose}: {_tensors(expected)}")


Specs = tuple[TensorSpec, ...]


def _templates(artefact: Artefact, task: Task[Any, Any, Any]) -> list[tuple[str, Specs, Specs]]:
    """(place in the artefact, the tensors there, those of the task); all graphs take token types, or none does."""
    source, reading = artefact.cross_kv_graph, task.cross_attention
    has_types = any(spec.name == TYPES for spec in artefact.inputs)
    has_own_width = any("embedding" in spec.axes for spec in artefact.outputs)
    inputs = task.inputs(artefact.plain, source is not None)
    expected = [
        ("inputs", artefact.inputs, inputs if has_types else without_types(inputs)),
        ("outputs", artefact.outputs, _widened(task.graph_outputs(artefact.plain), has_own_width)),
    ]
    if source is not None and reading is not None:
        expected.append(("cross_kv_graph.inputs", source.inputs, reading.cross_kv_inputs))
        expected.append(("cross_kv_graph.outputs", source.outputs, reading.cross_kv_outputs))
    shared, packed = artefact.sequence_packing, task.sequence_packing
    if shared is not None and packed is not None:
        own = packed.inputs if has_types else without_types(packed.inputs)
        expected.append(("sequence_packing.inputs", shared.inputs, own))
        expected.append(("sequence_packing.outputs", shared.outputs, _widened(packed.outputs, has_own_width)))
    return expected


def _widened(specs: Specs, has_own_width: bool) -> Specs:
    return with_own_width(specs) if has_own_width else specs


def _source_problems(manifest: Manifest, task: Task[Any, Any, Any]) -> Iterator[str]:
    """A source where there is none to read, or beside an artefact that reads none."""
    with_source = [i for i, artefact in enumerate(manifest.artefacts) if artefact.cross_kv_graph is not None]
    if with_source and task.cross_attention is None:
        yield Problem(
            "unexpected",
            "cross_kv_graph",
            f"artefacts[{with_source[0]}].cross_kv_graph is given, expected none: {task.name} reads no encoder",
        )
    elif 0 < len(with_source) < len(manifest.artefacts):
        without = next(i for i, artefact in enumerate(manifest.artefacts) if artefact.cross_kv_graph is None)
        yield Problem(
            "missing-key",
            "cross_kv_graph",
            f"artefacts[{without}].cross_kv_graph is missing, expected one in every artefact or in none",
        )


def _sequence_packing_problems(manifest: Manifest, task: Task[Any, Any, Any]) -> Iterator[str]:
    """A graph for sequence packing where the task has none."""
    for i, artefact in enumerate(manifest.artefacts):
        if artefact.sequence_packing is not None and (task.sequence_packing is None or artefact.plain):
            whose = f"{task.name}{' (plain)' if artefact.plain else ''}"
            yield Problem(
                "unexpected",
                "sequence_packing",
                f"artefacts[{i}].sequence_packing is given, expected none: texts of {whose} share no row",
            )


def _settings_problems(settings: HeadSettings, task: Task[Any, Any, Any]) -> Iterator[str]:
    values = {
        "labels": settings.labels or None,
        "problem_type": settings.problem_type,
        "pooling": settings.pooling,
        "normalize": settings.normalize,
        "activation": settings.activation,
        "prompts": settings.prompts or None,
        "default_prompt": settings.default_prompt,
    }
    for key, value in values.items():
        if value is None and key in task.settings and key not in _MAY_BE_ABSENT:
            yield Problem(
                "missing-key",
                f"settings.{key}",
                f"settings.{key} is missing, expected the setting that {task.name} needs",
            )
        if value is not None and key not in task.settings:
            known = ", ".join(task.settings) or "none"
            yield Problem(
                "unknown-key", f"settings.{key}", f"settings.{key} is no setting of {task.name}, expected only: {known}"
            )
    if settings.default_prompt is not None and settings.default_prompt not in settings.prompts:
        yield Problem(
            "contradiction",
            "settings.default_prompt",
            f"settings.default_prompt is {settings.default_prompt!r:.60}, expected one of settings.prompts",
        )


def _size_problems(manifest: Manifest) -> Iterator[str]:
    graphs = [graph for artefact in manifest.artefacts for graph in artefact.graphs]
    tensors = [tensor for graph in graphs for tensor in graph.inputs + graph.outputs]
    axes = {axis for tensor in tensors for axis in tensor.axes}
    for axis in sorted(axes - REQUEST_AXES - manifest.sizes.keys()):
        yield Problem(
            "missing-key",
            f"sizes.{axis}",
            f"sizes.{axis} is missing, expected the size of an axis that belongs to the checkpoint",
        )
    for axis in sorted(REQUEST_AXES & manifest.sizes.keys()):
        yield Problem(
            "unexpected",
            f"sizes.{axis}",
            f"sizes.{axis} is given, expected no size for an axis that changes with the request",
        )


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


def _tensors(specs: tuple[TensorSpec, ...]) -> str:
    shown = ", ".join(f"{spec.name} {spec.dtype}({', '.join(spec.axes)})" for spec in specs[:8])
    return (shown or "none") + (", ..." if len(specs) > 8 else "")
