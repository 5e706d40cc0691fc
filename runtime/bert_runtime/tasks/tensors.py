"""The tensors of a task's graphs, by name, dtype and named axes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

REQUEST_AXES = frozenset({"batch", "choices", "sequence", "masks", "texts", "past", "total", "source", "sources"})
"""Axes that change with the request; the manifest's `sizes` give every other one."""


@dataclass(frozen=True)
class TensorSpec:
    """A tensor of the graph: its name, its dtype (numpy's name), and the name of each axis.

    Axis names mean the same everywhere: those of REQUEST_AXES change with the request (past: tokens in the cache;
    total: past and sequence; texts: texts that share a row; sources: texts that an encoder read, each shared by equally
    many rows of the batch; source: tokens of such a text); labels, vocabulary, hidden, heads and size (of a head)
    belong to the checkpoint; classes are the two of the next sentence head, 0 for "is next".

    A name that holds `{layer}` is a template: it stands for one tensor in each layer; see `expand`.
    """

    name: str
    dtype: str
    axes: tuple[str, ...]

    @property
    def is_per_layer(self) -> bool:
        """Whether this is a template for one tensor in each layer."""
        return "{layer}" in self.name


def expand(specs: Sequence[TensorSpec], layers: int) -> tuple[TensorSpec, ...]:
    """The tensors of a graph with `layers` layers, in order: templates that stand together stay together by layer."""
    expanded: list[TensorSpec] = []
    for is_template, group in itertools.groupby(specs, lambda spec: spec.is_per_layer):
        kept = tuple(group)
        if is_template:
            for layer in range(layers):
                expanded += [replace(spec, name=spec.name.replace("{layer}", str(layer))) for spec in kept]
        else:
            expanded += kept
    return tuple(expanded)


TYPES = "token_type_ids"
"""The input that a model without token types does not have."""


def without_types(specs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """The tensors of a model that reads no token types."""
    return tuple(spec for spec in specs if spec.name != TYPES)


def with_own_width(specs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """The tensors of a model whose vectors are wider or narrower than its layers: a Dense comes after the pooling."""
    return tuple(
        replace(spec, axes=(*spec.axes[:-1], "embedding")) if spec.name == "sentence_embedding" else spec
        for spec in specs
    )


@dataclass(frozen=True)
class CrossAttention:
    """What a decoder that reads an encoder has beyond the tensors of its task; per-layer ones as templates.

    Attributes:
        inputs: what its graph takes after the task's own inputs.
        cross_kv_inputs, cross_kv_outputs: the tensors of the graph that turns an encoder's states into these inputs,
            once for each text that the encoder read.
    """

    inputs: tuple[TensorSpec, ...]
    cross_kv_inputs: tuple[TensorSpec, ...]
    cross_kv_outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True)
class SequencePacking:
    """The tensors of a graph that answers several texts in each row; see `Task.sequence_packing`."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
