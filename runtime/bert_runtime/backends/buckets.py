"""The few sizes that batches on a GPU are padded to: cuDNN's attention makes a plan for each size that it meets."""

from __future__ import annotations

from dataclasses import dataclass

SEQUENCES = (32, 64, 96, 128, 192, 256, 384, 512)
GRAPH_TOKENS = 4096
"""The most tokens of a batch that is bound by the launch of its kernels, which a CUDA graph takes away."""


@dataclass(frozen=True)
class Buckets:
    """The sizes for a model that reads `longest` tokens."""

    longest: int

    def fit(self, batch: int, sequence: int) -> tuple[int, int]:
        """The next size that takes a batch; there are about a hundred for 128 rows of 512 tokens. Padding adds less
        than as many rows as there are where they are few, and 31 at most where they are many."""
        step = 8 if batch <= 64 else 32
        rows = 1 << (batch - 1).bit_length() if batch <= step else -(-batch // step) * step
        return rows, self._width(sequence)

    def _width(self, sequence: int) -> int:
        width = next((each for each in SEQUENCES if each >= sequence), -(-sequence // 128) * 128)
        return max(sequence, min(width, self.longest))
