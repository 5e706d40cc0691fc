"""A PEFT adapter: what it brings, and its merging into the base model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bert_export.checkpoint.findings import Findings, listing, read_object, reading
from bert_export.checkpoint.weights import ADAPTER_FILES, find_weights, weight_names
from bert_export.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PREFIX = "base_model.model."
HEAD_FIELDS = ("id2label", "label2id", "num_labels", "problem_type")


def adapter_weights(folder: Path, findings: Findings) -> tuple[tuple[Path, ...], set[str]]:
    """The adapter's weight files and the names in them, without PEFT's prefix: whole modules keep the model's names.

    Raises:
        CheckpointError: the directory holds no adapter, or one that asks for code.
    """
    if not (folder / "adapter_config.json").is_file():
        raise CheckpointError(
            f"no adapter_config.json in the adapter: found {listing(folder)}; expected a directory that peft saved"
        )
    if read_object(folder / "adapter_config.json").get("megatron_config"):
        # peft would import the module that the adapter names
        raise CheckpointError("the adapter has a megatron_config; expected one trained on a Hugging Face model")
    files = find_weights(folder, ADAPTER_FILES)
    return files, {name.removeprefix(PREFIX) for name in weight_names(files, findings)}


def with_head_of(folder: Path, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The base model's configuration with the labels and the problem type of the adapter's own config.json, if it has
    one: a base model knows nothing of the head that was trained on it.

    Raises:
        CheckpointError: that config.json cannot be read.
    """
    if not (folder / "config.json").is_file():
        return dict(raw)
    own = read_object(folder / "config.json")
    kept = {key: value for key, value in raw.items() if key not in HEAD_FIELDS}
    return kept | {key: own[key] for key in HEAD_FIELDS if own.get(key) is not None}


def merge(model: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """The base model with the adapter's weights merged into it, in fp32.

    Raises:
        CheckpointError: an adapter that cannot be merged, or was trained on another model.
    """
    try:
        from peft import PeftModel, get_peft_model_state_dict  # noqa: PLC0415 - seconds, for adapters alone
    except ImportError as error:
        raise CheckpointError("an adapter was given but peft is not installed; run `pip install peft`") from error
    with reading("the adapter", "expected one that peft saved for this model: give its own base model"):
        adapted = PeftModel.from_pretrained(model, str(folder), torch_device="cpu", local_files_only=True)
        expected = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    merging = getattr(adapted.base_model, "merge_and_unload", None)
    if not callable(merging):
        kind = read_object(folder / "adapter_config.json").get("peft_type")
        raise CheckpointError(
            f"an adapter of type {kind} cannot be merged into the weights; expected LoRA or another that can"
        )
    found = weight_names(find_weights(folder, ADAPTER_FILES), Findings())
    _compare(found, expected)
    with reading("the adapter", "expected finite weights: train it again"):
        merged: PreTrainedModel = merging(safe_merge=True)
    return merged


def _compare(found: set[str], expected: set[str]) -> None:
    """peft only warns of weights that are missing, and drops in silence those that fit nowhere."""
    missing, strange = sorted(expected - found), sorted(found - expected)
    parts = [f"lacks {', '.join(missing)}"] if missing else []
    parts += [f"has {', '.join(strange)}, which fit nowhere in this model"] if strange else []
    if parts:
        raise CheckpointError(
            f"the adapter {' and '.join(parts)}; expected an adapter of this model: give its own base"
        )
