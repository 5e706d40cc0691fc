"""Every file of a checkpoint that an export reads, with its keys."""

from __future__ import annotations

from bert_export.checkpoint.keys import KnownFile
from bert_export.checkpoint.tokenizer.keys import TOKENIZER_FILES

KNOWN_FILES: tuple[KnownFile, ...] = (*TOKENIZER_FILES,)
