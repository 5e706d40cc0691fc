"""Whether raw arrays fit a graph: the check of `Session.run`, so that no engine has to refuse them in its own words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from bert_runtime.backends.by_mask import first_not_right_padded
from bert_runtime.backends.engine import Array
from bert_runtime.errors import Problem
from bert_runtime.manifest import RIGHT_PADDED, Artefact, Graph

Feeds = Mapping[str, Array]


def feed_problems(arrays: Feeds, graph: Artefact | Graph, max_length: int) -> list[str]:
    """Every name, dtype, rank or length that the graph does not take; else every axis whose sizes contradict; else a
    mask that the graph would answer wrongly."""
    return (
        list(_feed_problems(arrays, graph, max_length))
        or list(_axis_problems(arrays, graph))
        or list(_mask_problems(arrays, graph))
    )


def _feed_problems(arrays: Feeds, graph: Artefact | Graph, max_length: int) -> Iterator[str]:
    specs = {spec.name: spec for spec in graph.inputs}
    for name in sorted(arrays.keys() | specs.keys()):
        if name not in specs:
            yield Problem("unknown-input", name, f"unknown input {name!r}; the inputs are {', '.join(specs)}")
        elif name not in arrays:
            yield Problem("missing-input", name, f"missing input {name!r}; the inputs are {', '.join(specs)}")
        else:
            array, axes = arrays[name], specs[name].axes
            if not isinstance(array, np.ndarray) or array.dtype != specs[name].dtype or array.ndim != len(axes):
                got = f"{getattr(array, 'dtype', type(array).__name__)} of shape {getattr(array, 'shape', '?')}"
                yield Problem(
                    "wrong-type", name, f"{name} is {got}, expected {specs[name].dtype} of ({', '.join(axes)})"
                )
            elif not all(size for axis, size in zip(axes, array.shape, strict=True) if axis in ("source", "sources")):
                yield Problem(
                    "empty", name, f"{name} has the shape {array.shape}, expected a source of one token at least"
                )
            elif "sequence" in axes and not 1 <= array.shape[axes.index("sequence")] <= max_length:
                yield Problem(
                    "too-long",
                    name,
                    f"{name} has a sequence of {array.shape[axes.index('sequence')]}, expected 1 to {max_length}",
                )


def _axis_problems(arrays: Feeds, graph: Artefact | Graph) -> Iterator[str]:
    """Axes of one name that differ in size between inputs; every array has the axes of its spec."""
    sizes: dict[str, dict[str, int]] = {}
    for spec in graph.inputs:
        for axis, size in zip(spec.axes, arrays[spec.name].shape, strict=True):
            sizes.setdefault(axis, {})[spec.name] = size
    for axis, found in sizes.items():
        if len(set(found.values())) > 1:
            yield Problem(
                "wrong-shape",
                axis,
                f"{axis} is {', '.join(f'{size} in {name}' for name, size in found.items())}, expected one size",
            )
    if "total" in sizes:
        past, sequence, total = (next(iter(sizes[axis].values())) for axis in ("past", "sequence", "total"))
        if total != past + sequence:
            yield Problem("wrong-shape", "total", f"total is {total}, expected past + sequence: {past} + {sequence}")
    if "sources" in sizes and "batch" in sizes:
        batch, sources = (next(iter(sizes[axis].values())) for axis in ("batch", "sources"))
        if batch % sources:
            yield Problem(
                "wrong-shape",
                "batch",
                f"batch is {batch} with {sources} sources, expected a multiple: equally many rows for each source",
            )


def _mask_problems(arrays: Feeds, graph: Artefact | Graph) -> Iterator[str]:
    """Rows whose mask is not ones, then zeros, where the artefact promises right answers for such masks alone."""
    if not isinstance(graph, Artefact) or graph.mask != RIGHT_PADDED:
        return
    wrong = first_not_right_padded(arrays["attention_mask"])
    if wrong is not None:
        yield (
            f"attention_mask is not right padded in row {wrong}, expected ones, then zeros: the {graph.target} "
            "artefact answers no other mask right; pad on the right, or load a target whose masks are any"
        )
