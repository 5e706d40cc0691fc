"""What the head needs to know beyond its logits: one function for each field of HeadSettings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bert_export.checkpoint.activation import read_activation
from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.printable import listed
from bert_export.checkpoint.sentence import SentenceSettings
from bert_runtime.format_words import PROBLEM_TYPES
from bert_runtime.tasks.feature_extraction import POOLINGS
from bert_runtime.tasks.task import HeadSettings

if TYPE_CHECKING:
    from transformers import PreTrainedConfig


INFERRED = "single_label_classification"
"""Where config.json has none. transformers trains one label as a regression, and writes that down; see `activation`."""


@dataclass(frozen=True)
class LoadOptions:
    """What the user decides in place of the checkpoint.

    Attributes:
        pooling: how a vector is made; None takes the checkpoint's.
        prompt_name: the checkpoint's prompt that is put before texts that ask for none; "" for none; None takes the
            checkpoint's.
        normalize: whether vectors get unit length; None takes the checkpoint's.
        max_length: the longest sequence in tokens; None takes the checkpoint's.
        activation: none, sigmoid or softmax: turns a classifier's logits into scores; None takes the checkpoint's.
        allow_random_head: give head weights that the checkpoint lacks seeded random values (for trials of speed only).
        ignore_auto_map: load the stock class of that name where config.json names its author's own code, although
            that code may answer otherwise.
    """

    pooling: str | None = None
    normalize: bool | None = None
    max_length: int | None = None
    allow_random_head: bool = False
    ignore_auto_map: bool = False
    activation: str | None = None
    prompt_name: str | None = None


@dataclass(frozen=True)
class Known:
    """Everything a setting may depend on.

    Attributes:
        raw: config.json as written, since transformers fills in defaults.
        config: the configuration that the model is built from.
        sentence: the sentence-transformers settings, if any.
        options: what the user decides.
    """

    raw: Mapping[str, Any]
    config: PreTrainedConfig
    sentence: SentenceSettings | None
    options: LoadOptions


def head_settings(fields: tuple[str, ...], known: Known, findings: Findings) -> HeadSettings:
    """The settings that a task uses; what cannot be right becomes a problem, what is assumed a note."""
    return HeadSettings(**{field: SETTINGS[field](known, findings) for field in fields})


def _labels(known: Known, findings: Findings) -> tuple[str, ...]:
    """The labels in the order of the logits."""
    names, rows = known.raw.get("id2label"), int(known.config.num_labels or 0)
    if not names:
        labels = tuple(f"LABEL_{i}" for i in range(rows))
        findings.notes.append(f"id2label is missing in config.json: labels are named {labels[0]}..{labels[-1]}")
        return labels
    by_id = {str(key): str(value) for key, value in names.items()} if isinstance(names, dict) else {}
    given = known.raw.get("num_labels", len(names))
    if set(by_id) != {str(i) for i in range(len(names))} or given != len(names):
        findings.problems.append(
            f"id2label in config.json has the ids {', '.join(by_id) or 'none'} and num_labels is {given}; "
            "expected one name for each of 0..num_labels-1: correct config.json"
        )
        return tuple(by_id.values())
    labels = tuple(by_id[str(i)] for i in range(len(names)))
    doubled = {name: [str(i) for i, each in enumerate(labels) if each == name] for name in labels}
    for name, ids in doubled.items():
        if len(ids) > 1:
            findings.problems.append(
                f"id2label in config.json names {name!r:.80} for {', '.join(ids)}; expected a name of its own for each "
                "label, as answers tell them by name: correct config.json"
            )
    if labels == tuple(f"LABEL_{i}" for i in range(len(labels))):
        findings.notes.append("id2label in config.json holds only the names LABEL_n, which mean nothing to a reader")
    return labels


def _problem_type(known: Known, findings: Findings) -> str:
    """The kind of classification; inferred as transformers does where config.json does not say."""
    given = known.raw.get("problem_type")
    if given is None:
        one = " with one label" if known.config.num_labels == 1 else ""
        findings.notes.append(
            f"problem_type is missing in config.json: taken as {INFERRED}{one}, as transformers' pipeline does"
        )
        return INFERRED
    if given not in PROBLEM_TYPES:
        findings.problems.append(
            f"problem_type is {given!r}, expected one of {', '.join(PROBLEM_TYPES)}: correct config.json"
        )
    return str(given)


def _activation(known: Known, findings: Findings) -> str | None:
    """What makes scores of the logits; None for the default of the problem type."""
    problem_type, labels = str(known.raw.get("problem_type") or INFERRED), int(known.config.num_labels or 0)
    return read_activation(known.raw, problem_type, labels, known.options.activation, findings)


def _pooling(known: Known, findings: Findings) -> str:
    """How the graph makes one vector of a text."""
    if known.options.pooling is None and known.sentence is None:
        findings.notes.append("no modules.json of sentence-transformers: pooling is taken as mean")
        return "mean"
    chosen = known.options.pooling or (known.sentence.pooling if known.sentence else "mean")
    if known.options.pooling is None:
        findings.notes.append(f"pooling {chosen}, as modules.json of sentence-transformers says")
    if chosen not in POOLINGS:
        findings.problems.append(
            f"pooling is {chosen!r}, expected one of {', '.join(POOLINGS)}: the bundle has no other, and vectors "
            "that a model pools in another way than in its training are worse; give another model"
        )
    return chosen


def _normalize(known: Known, findings: Findings) -> bool:
    """Whether vectors are scaled to unit length."""
    if known.options.normalize is not None:
        return known.options.normalize
    if known.sentence is None:
        findings.notes.append("no modules.json of sentence-transformers: vectors are not normalised")
        return False
    findings.notes.append(f"vectors are {'' if known.sentence.normalize else 'not '}normalised, as modules.json says")
    return known.sentence.normalize


def _prompts(known: Known, findings: Findings) -> Mapping[str, str]:
    """What may be put before a text, by name."""
    prompts = known.sentence.prompts if known.sentence else {}
    if prompts:
        findings.notes.append(f"prompts of sentence-transformers, by name: {listed(prompts)}")
    return dict(prompts)


def _default_prompt(known: Known, findings: Findings) -> str | None:
    """The name of the prompt for texts that ask for none."""
    prompts, chosen = known.sentence.prompts if known.sentence else {}, known.options.prompt_name
    if chosen is None:
        return known.sentence.default_prompt if known.sentence else None
    if chosen and chosen not in prompts:
        findings.problems.append(
            f"--prompt-name is {chosen!r:.60}, expected one of the checkpoint's prompts: {listed(prompts) or 'none'}"
        )
    return chosen or None


SETTINGS: dict[str, Callable[[Known, Findings], Any]] = {
    "labels": _labels,
    "problem_type": _problem_type,
    "activation": _activation,
    "pooling": _pooling,
    "normalize": _normalize,
    "prompts": _prompts,
    "default_prompt": _default_prompt,
}
