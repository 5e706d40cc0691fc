"""What a load yields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bert_export.checkpoint.text_gate import TextGateReport
from bert_export.checkpoint.tokenizer import TokenizerFile
from bert_export.families import Family, find_family
from bert_runtime.tasks.task import HeadSettings, Task

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

AnyTask = Task[Any, Any, Any]


@dataclass(frozen=True)
class Provenance:
    """Where a checkpoint came from; the manifest keeps it, so it holds no path of this machine.

    Attributes:
        source: the hub id, or the directory's name.
        revision: the hub's commit, if any.
        adapter: the same for the adapter.
        weights, adapter_weights: weight file -> SHA-256 in hexadecimal.
        versions: library -> version.
        read: file of the checkpoint -> the keys whose values went into the bundle.
    """

    source: str
    revision: str | None
    adapter: str | None
    weights: Mapping[str, str]
    adapter_weights: Mapping[str, str]
    versions: Mapping[str, str]
    read: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Checkpoint:
    """A proven model and all that its bundle will say of it.

    Attributes:
        task: the task asked for, or the one found in config.json.
        model: the class named by the task, fp32, in eval mode, without gradients.
        config: its configuration.
        settings: what the head needs: labels, problem type, pooling, normalising.
        tokenizer: tokenizer.json and the facts read off it.
        files: name -> content of what makes the bundle load in AutoConfig and AutoTokenizer.
        notes: sentences for the user: whatever was assumed.
        provenance: where it came from.
        text: what the text gate compared.
    """

    task: AnyTask
    model: PreTrainedModel
    config: PreTrainedConfig
    settings: HeadSettings
    tokenizer: TokenizerFile
    files: Mapping[str, str]
    notes: tuple[str, ...]
    provenance: Provenance
    text: TextGateReport

    @property
    def reads_encoder(self) -> bool:
        """Whether it is a decoder with cross-attention."""
        return bool(getattr(self.config, "add_cross_attention", False))

    @property
    def family(self) -> Family:
        """That of the model."""
        return find_family(self.config.model_type)
