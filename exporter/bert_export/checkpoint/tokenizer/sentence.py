"""How sentence-transformers calls the tokenizer: sentence_bert_config.json beside a modules.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert_export.checkpoint.findings import Findings, read_object
from bert_export.checkpoint.keys import account, shown
from bert_export.checkpoint.tokenizer.keys import SENTENCE_BERT_CONFIG
from bert_export.errors import CheckpointError


@dataclass(frozen=True)
class SentenceText:
    """What sentence-transformers changes of the tokenizer.

    Attributes:
        max_length: the longest sequence in tokens; None leaves the tokenizer's own.
        lower_case: whether texts are lower-cased before all else; accents stay.
    """

    max_length: int | None = None
    lower_case: bool = False


def read_sentence_text(folder: Path | None, findings: Findings) -> SentenceText:
    """Read it in the folder of sentence-transformers' Transformer; None where the checkpoint has no modules.json.

    Raises:
        CheckpointError: a file that cannot be read, or values of another kind.
    """
    path = folder and folder / SENTENCE_BERT_CONFIG.name
    if path is None or not path.is_file():
        return SentenceText()
    content = read_object(path)
    account(SENTENCE_BERT_CONFIG, content, findings)
    length, lower = content.get("max_seq_length"), content.get("do_lower_case") or False
    if length is not None and (isinstance(length, bool) or not isinstance(length, int) or length < 1):
        raise CheckpointError(f"{path.name} says max_seq_length {shown(length)}, expected a number of tokens")
    if not isinstance(lower, bool):
        raise CheckpointError(f"{path.name} says do_lower_case {shown(lower)}, expected true or false")
    return SentenceText(length, lower)


def with_lower_case(content: dict[str, Any]) -> dict[str, Any]:
    """A tokenizer.json that lower-cases first, and strips accents only if it did so before.

    sentence-transformers puts a Lowercase normalizer before the tokenizer's own. For BERT's normalizer that is the same
    as its own lower-casing with `strip_accents` spelled out: a test compares them for every character of Unicode.
    """
    normalizer = content["normalizer"]
    if normalizer["lowercase"]:
        return content
    strip = bool(normalizer.get("strip_accents"))
    return {**content, "normalizer": {**normalizer, "lowercase": True, "strip_accents": strip}}
