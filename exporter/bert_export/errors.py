"""What can go wrong between a checkpoint and a bundle. Messages say got, expected and what to do."""

from __future__ import annotations

from bert_runtime.errors import BertError


class CheckpointError(BertError):
    """A checkpoint that is not a BERT of the wanted head, or that lacks some of its weights."""


class OptionError(BertError):
    """Options that contradict each other, or that this checkpoint or machine cannot serve."""


class GateError(BertError):
    """The artefact is not what it must be: a fusion was missed, answers differ from torch, or quality fell too far."""
