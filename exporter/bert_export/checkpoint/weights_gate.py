"""The checkpoint gate: every weight of the model comes from the checkpoint, or the export stops and names it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.printable import SHOWN, listed
from bert_export.families import Family

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Loaded:
    """What transformers says about a load; weights are named as in the model.

    Attributes:
        missing: weights that the checkpoint lacks: transformers gave them random values.
        unexpected: weights of the checkpoint that the model has no place for.
        mismatched: (name, shape in the checkpoint, shape in the model).
        errors: whatever else went wrong.
    """

    missing: frozenset[str]
    unexpected: frozenset[str]
    mismatched: tuple[tuple[str, Shape, Shape], ...]
    errors: tuple[str, ...]


def means_the_same(weight: str, family: Family) -> bool:
    """Whether a weight of the head means the same in every class: those of pretraining, and of the base model."""
    return weight.startswith((*family.pretrained_heads, f"{family.attribute}.", "pooler."))


def check_weights(
    loaded: Loaded, supplied: set[str], family: Family, allow_random_head: bool, findings: Findings
) -> None:
    """Problems for weights without a value; `supplied` are those that the adapter brings."""
    missing = sorted(loaded.missing - supplied)
    head = [name for name in missing if family.is_head(name)]
    encoder = [name for name in missing if not family.is_head(name)]
    if encoder:
        findings.problems.append(
            f"the checkpoint lacks weights of the encoder: {listed(encoder)}; config.json describes another model: "
            "give the checkpoint's own config.json"
        )
    if head and allow_random_head:
        findings.notes.append(f"RANDOM head, its answers mean nothing; seeded values for {listed(head)}")
    elif head:
        findings.problems.append(
            f"the checkpoint lacks weights of the head: {listed(head)}; expected a model trained for this task: "
            "give one, or the adapter that holds the head, or pass --allow-random-head to try speed alone"
        )
    mismatched = sorted(each for each in loaded.mismatched if each[0] not in supplied)
    for name, got, expected in mismatched[:SHOWN]:
        findings.problems.append(
            f"{name} has the shape {list(got)} in the checkpoint, expected {list(expected)}: correct config.json"
        )
    if len(mismatched) > SHOWN:
        findings.problems.append(f"{len(mismatched) - SHOWN} more weights have other shapes than config.json says")
    findings.problems += [f"transformers reports: {error}" for error in loaded.errors]


def check_meaning(model_class: str, saved: list[str], own: set[str], findings: Findings) -> None:
    """A head under another class's name must not be taken for this one because its shapes happen to fit.

    A `classifier` is of texts in one class, of tokens or choices in another. `own` are the weights of the model's head
    that have such a meaning of their own, `saved` the architectures in config.json.
    """
    if not saved or model_class in saved:
        return
    if own:
        findings.problems.append(
            f"{listed(sorted(own))} were trained as the head of {', '.join(saved)}, expected {model_class}: "
            "that the shapes fit says nothing; leave --task out, or give a model trained for it"
        )


def note_unused(loaded: Loaded, findings: Findings) -> None:
    """Say which weights of the checkpoint stay behind; buffers and poolers always may."""
    unused = [name for name in loaded.unexpected if not name.endswith("position_ids") and "pooler." not in name]
    groups = Counter(".".join(name.split(".")[:2]) for name in unused)
    if groups:
        named = listed(f"{group} ({count})" for group, count in sorted(groups.items()))
        findings.notes.append(f"weights of the checkpoint that this head does not use: {named}")
