"""The graph as a decoder with a cache: what it wrote in one run is what it reads in the next, where it lies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bert_runtime.backends.engine import Array, Engine
from bert_runtime.generation.cache import Cache
from bert_runtime.generation.cross_cache import CrossCache
from bert_runtime.manifest import Artefact
from bert_runtime.tasks.scores import finite
from bert_runtime.tasks.task import FloatArray, IntArray


class Decoder:
    """One batch's way through the graph. Rows are left padded, so that the last column holds the last token of each;
    the graph counts a row's positions from its first unmasked column."""

    def __init__(
        self,
        engine: Engine,
        artefact: Artefact,
        sizes: Mapping[str, int],
        tokens: int,
        cross: CrossCache | None = None,
    ) -> None:
        """Begin with an empty cache.

        Args:
            tokens: how many there can be, counted over all rows, padding included.
            cross: what the prompts' sources say, in the prompts' order; None for a decoder that reads no encoder.
        """
        self._engine = engine
        self._logits = next(spec for spec in artefact.outputs if spec.name == "logits")
        self._sizes = sizes
        self._cache = Cache(artefact, sizes, tokens)
        self._cross = cross
        self._owners: IntArray = np.zeros(0, dtype=np.int64)
        self._mask: IntArray = np.zeros((0, 0), dtype=np.int64)

    def prefill(self, prompts: Sequence[IntArray], pad_id: int) -> FloatArray:
        """Read the prompts, int64 of (sequence,) and any length: logits of what follows, of (prompts, vocabulary).

        Raises:
            BackendError: the engine failed, or gave logits that are not finite.
        """
        width = max(map(len, prompts))
        ids = np.full((len(prompts), width), pad_id, dtype=np.int64)
        self._mask = np.zeros_like(ids)
        self._owners = np.arange(len(prompts))
        for row, prompt in enumerate(prompts):
            ids[row, width - len(prompt) :] = prompt
            self._mask[row, width - len(prompt) :] = 1
        return self._run(ids)

    def step(self, tokens: IntArray, sources: IntArray) -> FloatArray:
        """Read one more token a row, int64 of (rows,): logits of (rows, vocabulary).

        Row i continues row `sources[i]` of the run before; rows that no row continues leave the batch.

        Raises:
            BackendError: see `prefill`.
        """
        if not np.array_equal(sources, np.arange(len(self._mask))):
            self._cache.reorder(sources)
        self._owners = self._owners[sources]
        kept = self._mask[sources]
        self._mask = np.concatenate([kept, np.ones_like(kept[:, :1])], axis=1)
        return self._run(tokens[:, np.newaxis])

    @property
    def rows(self) -> int:
        """How many rows were read in the last run."""
        return len(self._mask)

    def absorb(self, other: Decoder, rows: int, more: int) -> None:
        """Put the rows of `other`, which has read its prompts, after its own. There may be `rows` rows from now on,
        each with `more` tokens more.

        Raises:
            BackendError: there is no memory for it.
        """
        firsts = _first_column(self._mask), _first_column(other._mask)
        widths = [decoder._mask.shape[1] - first for decoder, first in zip((self, other), firsts, strict=True)]
        width = max(widths)
        self._cache.absorb(other._cache, firsts, rows * (width + more))
        mask = np.zeros((self.rows + other.rows, width), np.int64)
        mask[: self.rows, width - widths[0] :] = self._mask[:, firsts[0] :]
        mask[self.rows :, width - widths[1] :] = other._mask[:, firsts[1] :]
        self._mask = mask
        kept, own = np.unique(self._owners, return_inverse=True)
        self._owners = np.concatenate([own, other._owners + len(kept)])
        if self._cross is not None and other._cross is not None:
            self._cross.absorb(other._cross, kept)

    def _run(self, ids: IntArray) -> FloatArray:
        rows, total = self._mask.shape
        inputs: dict[str, Array] = {"input_ids": ids, "attention_mask": self._mask, **self._cache.past(rows)}
        if self._cross is not None:
            inputs |= self._cross.inputs(self._owners)
        logits = self._room(ids)
        self._engine.run_into(inputs, {"logits": logits, **self._cache.present(rows, total)})
        self._cache.advance(rows, total)
        return finite(logits if logits.ndim == 2 else logits[:, -1], "logits")

    def _room(self, ids: IntArray) -> FloatArray:
        """Where the logits go: those of the last position, or of every one where the graph is plain."""
        sizes = {"batch": ids.shape[0], "sequence": ids.shape[1], **self._sizes}
        return np.empty([sizes[axis] for axis in self._logits.axes], dtype=np.float32)


def _first_column(mask: IntArray) -> int:
    """The first that any row needs."""
    return int(mask.any(axis=0).argmax())
