"""What a bundle says of itself, from its checkpoint and its artefacts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from bert_export.checkpoint import Checkpoint
from bert_export.context import Made
from bert_export.int8 import quality_of
from bert_export.pruned import provenance_of
from bert_runtime.manifest import Contents, ModelRecord
from bert_runtime.text import TextEncoder


def record_of(checkpoint: Checkpoint, sizes: Mapping[str, int]) -> ModelRecord:
    """What the artefacts of a checkpoint share; `sizes` are those of their fixed axes."""
    task, settings, tokenizer = checkpoint.task.name, checkpoint.settings, checkpoint.tokenizer.record
    return ModelRecord(task=task, settings=settings, sizes=sizes, tokenizer=tokenizer)


def contents_of(checkpoint: Checkpoint, made: Sequence[Made]) -> Contents:
    """What the bundle of these artefacts says of itself."""
    provenance = dataclasses.asdict(checkpoint.provenance)
    provenance["versions"] |= {"bert-export": version("bert-export")}
    provenance |= provenance_of(next((each.layers for each in made), ()))
    record = record_of(checkpoint, {axis: size for each in made for axis, size in each.sizes.items()})
    return Contents(
        **vars(record),
        artefacts=tuple(each.artefact for each in made),
        provenance=provenance,
        verification={
            "artefacts": [each.report.to_manifest() for each in made],
            "text": dataclasses.asdict(checkpoint.text),
        },
        quality=quality_of([(each.artefact, each.report.int8) for each in made]),
    )


def text_of(checkpoint: Checkpoint) -> TextEncoder:
    """The checkpoint's tokenizer as a runtime reads it."""
    return checkpoint.tokenizer.encoder()
