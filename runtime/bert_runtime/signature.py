"""Whether a manifest and its task speak of the same tensors, settings and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bert_runtime.errors import Problem, prefixed
from bert_runtime.manifest import Artefact, Manifest
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


def _tensors(specs: tuple[TensorSpec, ...]) -> str:
    shown = ", ".join(f"{spec.name} {spec.dtype}({', '.join(spec.axes)})" for spec in specs[:8])
    return (shown or "none") + (", ..." if len(specs) > 8 else "")
