"""Which version of the format a bundle needs: the lowest that knows all its parts; rule 38 of BUNDLE.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bert_runtime.errors import Problem
from bert_runtime.tasks.tensors import TYPES

if TYPE_CHECKING:
    from bert_runtime.manifest import Artefact, Contents, Manifest

NEWEST, FIRST = 2, 1
FIRST_POOLINGS = ("mean", "cls", "pooler")


def version_needed(contents: Contents) -> int:
    """The lowest version that knows every part."""
    return NEWEST if any(_newer_parts(contents)) else FIRST


def version_problems(manifest: Manifest) -> Iterator[str]:
    """Parts that the manifest's version does not know yet."""
    for where in _newer_parts(manifest) if manifest.version < NEWEST else ():
        yield Problem(
            "wrong-version",
            where,
            f"{where} is as in version {NEWEST} of the format, expected version {NEWEST}: got {manifest.version}",
        )


def _newer_parts(contents: Contents) -> Iterator[str]:
    """Where there is something that came with version 2."""
    for i, artefact in enumerate(contents.artefacts):
        if _has_no_types(artefact):
            yield f"artefacts[{i}].inputs"
        if any("embedding" in spec.axes for spec in artefact.outputs):
            yield f"artefacts[{i}].outputs"
    if contents.tokenizer.special_tokens:
        yield "tokenizer.special_tokens"
    if contents.settings.pooling is not None and contents.settings.pooling not in FIRST_POOLINGS:
        yield "settings.pooling"
    if contents.settings.prompts:
        yield "settings.prompts"


def _has_no_types(artefact: Artefact) -> bool:
    """Whether it leaves token types out, which only a graph with a cache did before."""
    names = [spec.name for spec in artefact.inputs]
    return TYPES not in names and not any(name.startswith("past_key_values.") for name in names)
