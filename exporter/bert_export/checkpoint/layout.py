"""Which directory each file of a checkpoint is read from: the model's, its sub-directory's, or the adapter's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bert_export.checkpoint.adapter import Adapter, read_adapter
from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.location import Places
from bert_export.checkpoint.sentence import transformer_folder

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt")


@dataclass(frozen=True)
class Layout:
    """The directories of one load.

    Attributes:
        model: config.json and the weights.
        sentence: modules.json and its sub-directories, if any: the adapter's own go before the base's.
        tokenizer: the tokenizer's files: the adapter's own go before the base's.
        adapter: the adapter, if any.
    """

    model: Path
    sentence: Path
    tokenizer: Path
    adapter: Adapter | None


def lay_out(places: Places, findings: Findings) -> Layout:
    """Look at what lies where.

    Raises:
        CheckpointError: modules.json cannot be read, or the adapter is none.
    """
    root = places.model.path
    model = transformer_folder(root)
    if places.adapter is None:
        return Layout(model, root, model, None)
    beside = places.adapter.path
    adapter = read_adapter(
        beside if (beside / "adapter_config.json").is_file() else transformer_folder(beside), findings
    )
    return Layout(
        model,
        beside if (beside / "modules.json").is_file() else root,
        adapter.folder if any((adapter.folder / name).is_file() for name in TOKENIZER_FILES) else model,
        adapter,
    )
