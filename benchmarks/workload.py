"""What is measured: which head, which size of network, and how many tokens at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Feeds = dict[str, NDArray[np.int64]]

VOCABULARY = 30522
MASK_ID = 103


@dataclass(frozen=True)
class Size:
    """The shape of a network of the family `model_type`; the vocabulary is BERT's, or the family's own."""

    layers: int
    hidden: int
    heads: int
    intermediate: int
    model_type: str = "bert"
    vocabulary: int = VOCABULARY


SIZES = {
    "tiny": Size(2, 64, 2, 128),
    "minilm-l6": Size(6, 384, 12, 1536),
    "bert-base": Size(12, 768, 12, 3072),
    "distilbert-base": Size(6, 768, 12, 3072, "distilbert"),
    "roberta-base": Size(12, 768, 12, 3072, "roberta"),
    "mpnet-base": Size(12, 768, 12, 3072, "mpnet", 30527),
}
"""`tiny` is for trying a peer out; it is never raced."""


@dataclass(frozen=True)
class Model:
    """A head on a network of one size; `task` is a task's name, `size` a key of SIZES."""

    task: str
    size: str

    @property
    def name(self) -> str:
        """For file names and tables."""
        return f"{self.task}-{self.size}"

    @classmethod
    def parse(cls, name: str) -> Model:
        """The model that `name` names; raises ValueError for another."""
        for size in SIZES:
            if name.endswith(f"-{size}"):
                return cls(name.removesuffix(f"-{size}"), size)
        raise ValueError(f"model is {name!r}, expected TASK-SIZE with a size of {', '.join(SIZES)}")


@dataclass(frozen=True)
class Case:
    """A batch of `batch` rows of `sequence` tokens, none of them padding."""

    batch: int
    sequence: int

    @property
    def name(self) -> str:
        """For people: `b1 s128`."""
        return f"b{self.batch} s{self.sequence}"

    def feeds(self, seed: int = 0) -> Feeds:
        """Inputs of (batch, sequence) with random ids and one mask in each row; `positions` is (batch, 1)."""
        random = np.random.default_rng(seed)
        ids = random.integers(1000, VOCABULARY, size=(self.batch, self.sequence), dtype=np.int64)
        positions = random.integers(1, self.sequence - 1, size=(self.batch, 1), dtype=np.int64)
        np.put_along_axis(ids, positions, MASK_ID, axis=1)
        return {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
            "positions": positions,
        }


CASES = (Case(1, 32), Case(1, 128), Case(1, 384), Case(8, 128), Case(32, 64))
