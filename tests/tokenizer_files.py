"""Encoders of tokenizer.json files that no bundle holds: the record is what an exporter would write."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from bert_runtime.text import TextEncoder, TokenizerRecord


def record_of(path: Path, max_length: int = 512) -> TokenizerRecord:
    """The ids that the file gives to [PAD], else 0, and to [MASK]; of a broken file those of none."""
    ids: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        content = json.loads(path.read_bytes())
        ids |= {token["content"]: token["id"] for token in content["added_tokens"]} | content["model"]["vocab"]
    return TokenizerRecord(path.name, max_length, ids.get("[PAD]", 0), ids.get("[MASK]"))


def text_encoder(path: Path, max_length: int = 512) -> TextEncoder:
    """The file with that record."""
    return TextEncoder.from_file(path, record_of(path, max_length))
