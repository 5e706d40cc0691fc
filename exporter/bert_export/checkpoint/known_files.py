"""Every file of a checkpoint that an export reads, with its keys."""

from __future__ import annotations

from bert_export.checkpoint.adapter_keys import ADAPTER_CONFIG
from bert_export.checkpoint.config_keys import CONFIG
from bert_export.checkpoint.keys import KnownFile
from bert_export.checkpoint.sentence_files import DENSE, LIBRARY, MODULES, NORMALIZE, POOLING
from bert_export.checkpoint.tokenizer.keys import TOKENIZER_FILES

KNOWN_FILES: tuple[KnownFile, ...] = (
    CONFIG,
    *TOKENIZER_FILES,
    MODULES,
    POOLING,
    DENSE,
    NORMALIZE,
    LIBRARY,
    ADAPTER_CONFIG,
)
