"""An adapter's weights merged into the base model, by PEFT."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from bert_export.checkpoint.adapter import PREFIX, Adapter
from bert_export.checkpoint.findings import Findings, reading
from bert_export.checkpoint.keys import shown
from bert_export.checkpoint.printable import listed
from bert_export.errors import CheckpointError

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel

FITS = "expected one that peft saved for this model: give its own base model"


def check_kind(adapter: Adapter, findings: Findings) -> None:
    """Refuse, before PEFT reads anything, a kind of adapter that cannot become part of the weights.

    A note names the settings that this version of PEFT does not know, and would drop.

    Raises:
        CheckpointError: such a kind, an unknown one, or peft is not installed.
    """
    try:
        from peft.mapping import (  # noqa: PLC0415 - seconds, for adapters alone
            PEFT_TYPE_TO_CONFIG_MAPPING,
            PEFT_TYPE_TO_TUNER_MAPPING,
        )
    except ImportError as error:
        raise CheckpointError("an adapter was given but peft is not installed; run `pip install peft`") from error
    kinds = {kind.value: tuner for kind, tuner in PEFT_TYPE_TO_TUNER_MAPPING.items()}
    mergeable = [kind for kind, tuner in kinds.items() if kind != "XLORA" and hasattr(tuner, "merge_and_unload")]
    kind = adapter.config.get("peft_type")
    if kind not in mergeable:
        is_known = kind in list(kinds)
        why = "puts learned vectors before the text or inside attention" if is_known else "is none that peft knows"
        raise CheckpointError(
            f"an adapter of type {shown(kind)} {why}, and cannot be merged into the weights; expected LoRA or another "
            f"that can: {', '.join(sorted(mergeable))}"
        )
    known = {each.name for each in fields(PEFT_TYPE_TO_CONFIG_MAPPING[kind])}
    unknown = sorted(set(adapter.config) - known)
    if unknown:
        findings.notes.append(
            f"adapter_config.json: not used, as this version of peft does not know: {listed(unknown)}"
        )


def fit_vocabulary(model: PreTrainedModel, adapter: Adapter) -> None:
    """Give the base as many word embeddings as the adapter brings; their values follow with the adapter."""
    rows = adapter.vocabulary
    if rows is not None and rows != model.config.vocab_size:
        model.resize_token_embeddings(rows, mean_resizing=False)


def merge(model: PreTrainedModel, adapter: Adapter) -> PreTrainedModel:
    """The base model with the adapter's weights merged into it, in fp32.

    Raises:
        CheckpointError: an adapter that cannot be merged, or was trained on another model.
    """
    from peft import PeftModel, get_peft_model_state_dict  # noqa: PLC0415 - seconds, for adapters alone

    with reading("the adapter", FITS):
        adapted = PeftModel.from_pretrained(
            model, str(adapter.folder), config=_config(adapter), torch_device="cpu", local_files_only=True
        )
        expected = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
        allowed = expected | set(get_peft_model_state_dict(adapted, save_embedding_layers=True))
    _compare({f"{PREFIX}{name}" for name in adapter.saved}, expected, allowed)
    with reading("the adapter", "expected finite weights of an adapter that can be merged: train it again"):
        merging: Any = adapted.base_model  # torch types every attribute of a module as a tensor
        merged: PreTrainedModel = merging.merge_and_unload(safe_merge=True)
    return merged


def _config(adapter: Adapter) -> PeftConfig:
    """PEFT's settings; where the adapter has no head, without the task that would make PEFT ask for one."""
    from peft import PeftConfig  # noqa: PLC0415 - seconds, for adapters alone

    content: dict[str, Any] = {key: value for key, value in adapter.config.items() if key != "runtime_config"}
    if adapter.keeps_bases_head:
        content["task_type"] = None
    config: PeftConfig = PeftConfig.from_peft_type(**content)  # type: ignore[no-untyped-call]
    return config


def _compare(found: set[str], expected: set[str], allowed: set[str]) -> None:
    """peft only warns of weights that are missing, and drops in silence those that fit nowhere."""
    missing, strange = sorted(expected - found), sorted(found - allowed)
    parts = [f"lacks {listed(missing)}"] if missing else []
    parts += [f"has {listed(strange)}, which fit nowhere in this model"] if strange else []
    if parts:
        raise CheckpointError(
            f"the adapter {' and '.join(parts)}; expected an adapter of this model: give its own base"
        )
