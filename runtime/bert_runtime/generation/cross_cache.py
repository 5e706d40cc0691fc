"""Keys and values of the texts that an encoder read: computed once, and read where they lie by all rows of a text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bert_runtime.backends.engine import Array, Engine
from bert_runtime.errors import BackendError
from bert_runtime.manifest import Graph
from bert_runtime.tasks.task import FloatArray, IntArray
from bert_runtime.tasks.text_generation import EncoderStates


class CrossCache:
    """What a batch's decoder attends to besides its own tokens. Beams of one source share its keys and values."""

    def __init__(
        self, engine: Engine, graph: Graph, sizes: Mapping[str, int], sources: Sequence[EncoderStates]
    ) -> None:
        """Run the graph of the source, once for all sources together.

        Raises:
            BackendError: the engine failed, or there is no memory for it.
        """
        hidden, mask = padded(sources)
        known = {**sizes, "sources": mask.shape[0], "source": mask.shape[1]}
        try:
            kept = {spec.name: np.empty([known[axis] for axis in spec.axes], spec.dtype) for spec in graph.outputs}
        except MemoryError as error:
            what = f"{mask.shape[0]} sources of {mask.shape[1]} tokens"
            raise BackendError(
                f"no memory for keys and values of {what}; shorten them, or lower the limits of batches"
            ) from error
        engine.run_into({"encoder_hidden_states": hidden}, kept)
        self._all: Mapping[str, Array] = {"encoder_attention_mask": mask, **kept}
        self._axes = {"encoder_attention_mask": 1, **{spec.name: spec.axes.index("source") for spec in graph.outputs}}
        self._held: IntArray = np.arange(len(sources))
        self._inputs = self._all

    def absorb(self, other: CrossCache, kept: IntArray) -> None:
        """Keep the sources `kept`, int64 of (sources,), and put those of `other` after them."""
        ours = {name: array[kept] for name, array in self._all.items()}
        self._all = {
            name: np.concatenate(_equally_wide(ours[name], other._all[name], self._axes[name])) for name in ours
        }
        self._held = np.arange(len(kept) + len(other._all["encoder_attention_mask"]))
        self._inputs = self._all

    def inputs(self, owners: IntArray) -> Mapping[str, Array]:
        """The graph's inputs for rows that read the sources `owners`, int64 of (rows,), in ascending order.

        Nothing is copied while the same sources are needed, however many rows share each.
        """
        needed = evenly(owners)
        if not np.array_equal(needed, self._held):
            self._inputs = {name: array[needed] for name, array in self._all.items()}
            self._held = needed
        return self._inputs


def _equally_wide(one: Array, other: Array, axis: int) -> list[Array]:
    """Both, padded on the right of `axis` to the wider one."""
    width = max(one.shape[axis], other.shape[axis])
    pads = [[(0, width - array.shape[axis] if n == axis else 0) for n in range(array.ndim)] for array in (one, other)]
    return [np.pad(array, pad) for array, pad in zip((one, other), pads, strict=True)]


def evenly(owners: IntArray) -> IntArray:
    """Sources in the order of their rows, so that each serves equally many: the fewest, one more than once if need be.

    Beams that all run give every source once; rows that end one by one may leave no other way than a copy for each.
    """
    sources, counts = np.unique(owners, return_counts=True)
    return np.repeat(sources, counts // np.gcd.reduce(counts))


def padded(sources: Sequence[EncoderStates]) -> tuple[FloatArray, IntArray]:
    """States (sources, source, hidden) and mask (sources, source) of texts of any length, padded on the right."""
    tokens = max(len(states.mask) for states in sources)
    hidden = np.zeros((len(sources), tokens, sources[0].hidden.shape[1]), dtype=np.float32)
    mask = np.zeros((len(sources), tokens), dtype=np.int64)
    for row, states in enumerate(sources):
        hidden[row, : len(states.mask)] = states.hidden
        mask[row, : len(states.mask)] = states.mask
    return hidden, mask
