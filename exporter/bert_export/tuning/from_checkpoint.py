"""Candidates of a checkpoint: loaded and traced once, and torch answers once for all that are compared with it."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from pathlib import Path

import onnx_ir as ir

from bert_export.applicability import FLAG
from bert_export.artefacts import make
from bert_export.contents import contents_of, record_of, text_of
from bert_export.context import ExportContext
from bert_export.errors import OptionError
from bert_export.options import ExportOptions, Variant
from bert_export.pipeline import default_output, load_checkpoint, traced
from bert_export.progress import Stages
from bert_export.tuning.candidate import Candidate, CandidatePlan
from bert_export.verify.canaries import canaries_of
from bert_export.verify.reference import RememberingReference


class FromCheckpoint:
    """See CandidateSource."""

    def __init__(self, options: ExportOptions, stages: Stages, folder: Path) -> None:
        """Load; traced is with the first plan, once nothing is left that could be wrong with the options.

        Raises:
            OptionError: the model reads an encoder, whose texts nobody can give here; and see `export`.
            CheckpointError: see `export`.
        """
        checkpoint = load_checkpoint(options, stages)
        if checkpoint.reads_encoder:
            raise OptionError(f"{FLAG} asks a model texts, and this decoder reads an encoder: export it with --target")
        reference = RememberingReference.of(checkpoint, options.plain)
        self._context = ExportContext(folder, stages, options.plain, options.quantization, None, {}, reference)
        self._checkpoint = checkpoint
        self.record, self.text = record_of(checkpoint, {}), text_of(checkpoint)
        self.canaries = canaries_of(checkpoint, reference, options.plain)
        self.output, self.notes = default_output(checkpoint), checkpoint.notes

    def missing(self, plan: CandidatePlan) -> str:
        """See CandidateSource."""
        return ""

    @cached_property
    def _graph(self) -> ir.Model:
        return traced(self._checkpoint, self._context)

    def make(self, plan: CandidatePlan) -> Candidate:
        """See CandidateSource."""
        folder = self._context.folder / plan.name.replace(" ", "-")
        folder.mkdir()
        for name, content in self._checkpoint.files.items():
            (folder / name).write_text(content, encoding="utf-8")
        variant = Variant(plan.target, plan.precision)
        context = dataclasses.replace(self._context, folder=folder)
        (made,) = make(self._checkpoint, self._graph.clone(), variant, context)  # the CPU's targets have one each
        files: dict[str, bytes | Path] = {name: folder / name for name in self._checkpoint.files}
        contents = contents_of(self._checkpoint, [made])
        return Candidate(plan, folder, contents, {**files, **made.files}, made.report)
