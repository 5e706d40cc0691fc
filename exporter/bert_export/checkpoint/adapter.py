"""A PEFT adapter's files: its settings, its weights, and what it brings besides: a head, labels, new tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert_export.checkpoint.adapter_keys import ADAPTER_CONFIG, config_problems
from bert_export.checkpoint.findings import Findings, listing, read_object
from bert_export.checkpoint.folder import Folder
from bert_export.checkpoint.keys import account, shown
from bert_export.checkpoint.shapes import WORDS, check_filled, label_rows
from bert_export.checkpoint.weights import ADAPTER_FILES, Saved, find_weights, read_header
from bert_export.errors import CheckpointError

PREFIX = "base_model.model."
HEADS = ("classifier.", "pre_classifier.", "qa_outputs.")
HEAD_FIELDS = (
    *("id2label", "label2id", "num_labels", "problem_type"),
    *("sentence_transformers", "sbert_ce_default_activation_function", "function_to_apply", "task_specific_params"),
)


@dataclass(frozen=True)
class Adapter:
    """An adapter that lies on this machine, checked as far as its files alone allow.

    Attributes:
        folder: its directory.
        config: the content of adapter_config.json.
        files: its weight files.
        saved: what they hold, without PEFT's prefix: whole modules have the model's own names.
    """

    folder: Path
    config: Mapping[str, Any]
    files: tuple[Path, ...]
    saved: Mapping[str, Saved]

    @property
    def vocabulary(self) -> int | None:
        """The number of word embeddings, where the adapter brings them all."""
        return next((tensor.shape[0] for name, tensor in self.saved.items() if name.endswith(WORDS)), None)

    @property
    def keeps_bases_head(self) -> bool:
        """Whether it was saved without a head, as transformers' add_adapter does, which trains none."""
        return not self.config.get("modules_to_save") and not any(name.startswith(HEADS) for name in self.saved)

    @property
    def has_own_labels(self) -> bool:
        """Whether a config.json that names labels lies beside it."""
        return (self.folder / "config.json").is_file()


def read_adapter(folder: Path, findings: Findings) -> Adapter:
    """Read an adapter's settings and the names and shapes of its weights.

    Raises:
        CheckpointError: the directory holds no adapter.
    """
    if not (folder / "adapter_config.json").is_file():
        raise CheckpointError(
            f"no adapter_config.json in the adapter: found {listing(folder)}; expected a directory that peft saved"
        )
    config = read_object(folder / "adapter_config.json")
    files = find_weights(folder, ADAPTER_FILES)
    saved = {name.removeprefix(PREFIX): tensor for name, tensor in read_header(files, findings).items()}
    check_filled(saved, findings)
    account(ADAPTER_CONFIG, {name: value for name, value in config.items() if ADAPTER_CONFIG.key(name)}, findings)
    findings.problems += config_problems(config, saved)
    return Adapter(folder, config, files, saved)


def note_base(adapter: Adapter, base: Folder, raw: Mapping[str, Any], findings: Findings) -> None:
    """Say where the adapter was trained on a model of another name: that the shapes fit proves nothing."""
    trained, given = adapter.config.get("base_model_name_or_path"), {base.name, raw.get("_name_or_path")}
    if not isinstance(trained, str) or not trained:
        return
    if _last(trained) not in {_last(str(name)) for name in given if name}:
        findings.notes.append(
            f"the adapter was trained on {shown(_last(trained))}, the base given is {shown(base.name)}: where these "
            "are not the same weights, the answers mean nothing"
        )


def with_head_of(adapter: Adapter, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The base model's configuration with the labels and the problem type of the adapter's head, where it has one.

    Raises:
        CheckpointError: the config.json beside the adapter cannot be read.
    """
    kept = {key: value for key, value in raw.items() if key not in HEAD_FIELDS}
    if adapter.has_own_labels:
        own = read_object(adapter.folder / "config.json")
        return kept | {key: own[key] for key in HEAD_FIELDS if own.get(key) is not None}
    rows, labels = label_rows(adapter.saved), raw.get("id2label")
    is_other = rows is not None and isinstance(labels, dict) and len(labels) != rows
    return kept if is_other else dict(raw)


def _last(name: str) -> str:
    """A hub id's or a path's last part: paths of other machines stay out of the bundle."""
    return name.rstrip("/\\").replace("\\", "/").rpartition("/")[2].lower()
