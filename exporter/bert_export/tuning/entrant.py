"""A candidate that passed its gates: on disk, and ready to be loaded as its bundle would be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bert_calibration.baseline import BaselineArtefact
from bert_export.report import ArtefactReport
from bert_export.tuning.candidates import Candidate
from bert_runtime.bundle import Bundle
from bert_runtime.manifest import Artefact, Manifest
from bert_runtime.text import TextEncoder


@dataclass(frozen=True)
class Entrant:
    """What was made of a candidate.

    Attributes:
        bundle: where its files lie, and the manifest that its bundle will have, with no file listed yet.
        files: all that its bundle will hold, by name.
        report: what its gates found.
        drop: how much of the task's metric it loses, or without labels the share of answers that differ from fp32's;
            None where nothing was judged.
        judged_on: how many independent samples show that; 0 where nothing was judged.
        is_judged: whether its gates saw how well it answers; without, it is timed and shown, and never chosen.
    """

    candidate: Candidate
    bundle: Bundle
    files: Mapping[str, bytes | Path]
    report: ArtefactReport
    drop: float | None = None
    is_judged: bool = True
    judged_on: int = 0

    @property
    def artefact(self) -> Artefact:
        """Its one artefact."""
        return self.bundle.manifest.artefacts[0]

    @property
    def baseline(self) -> BaselineArtefact:
        """The same, as quantisation takes it."""
        record, folder = self.bundle.manifest.tokenizer, self.bundle.directory
        text = TextEncoder.from_file(folder / record.file, record)
        return BaselineArtefact(folder, self.artefact, self.bundle.manifest, text)


class Origin(Protocol):
    """Where entrants in floating point come from: a checkpoint, or a bundle.

    Attributes:
        manifest: the task, its settings and its tokenizer; of the artefacts nothing.
        text: the tokenizer.
        output: where the winner goes unless the options say otherwise.
        notes: what was assumed.
    """

    manifest: Manifest
    text: TextEncoder
    output: Path
    notes: tuple[str, ...]

    def missing(self, candidate: Candidate) -> str:
        """Why it cannot be made of this; empty where it can."""

    def make(self, candidate: Candidate) -> Entrant:
        """Make a candidate that is not int8, through all its gates.

        Raises:
            BertError: it does not pass.
        """
