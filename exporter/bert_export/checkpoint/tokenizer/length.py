"""The longest sequence that the bundle takes: what the model has positions for, and what the files and the user say."""

from __future__ import annotations

from typing import Any

from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.keys import shown
from bert_export.errors import CheckpointError

SHORTEST = 3
"""[CLS], [SEP] and one piece."""


def max_length(own: Any, sentence: int | None, positions: int, chosen: int | None, findings: Findings) -> int:
    """The shortest of what the model has positions for and what is said: by the user, else the files.

    Args:
        own: model_max_length of the checkpoint's tokenizer; transformers' huge number where it has none.
        sentence: max_seq_length of sentence-transformers, which goes before `own`, as it does there.
        positions: the model's.
        chosen: the user's length.

    Raises:
        CheckpointError: a length that is no number of tokens, or one of the user's beyond the model's positions.
    """
    if chosen is not None:
        if not SHORTEST <= chosen <= positions:
            raise CheckpointError(
                f"the maximum length is {chosen}, expected {SHORTEST} to {positions}, the model's positions"
            )
        return chosen
    key, said = ("model_max_length", own) if sentence is None else ("max_seq_length", sentence)
    if isinstance(said, bool) or not isinstance(said, int | float) or said < SHORTEST:
        raise CheckpointError(
            f"the tokenizer's files say {key} {shown(said)}, expected a number of tokens, {SHORTEST} at least: correct "
            "it, or pass --max-length"
        )
    if sentence is not None and sentence > positions:
        findings.notes.append(f"max_seq_length is {sentence}, the model has {positions} positions: texts are cut there")
    return int(min(said, positions))
