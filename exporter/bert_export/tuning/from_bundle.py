"""Candidates of a bundle, without its checkpoint and torch: its own artefacts, and what becomes of them in int8."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from bert_export.applicability import FLAG
from bert_export.errors import OptionError
from bert_export.options import ExportOptions
from bert_export.progress import Stages
from bert_export.report import ArtefactReport
from bert_export.requantize import kept_files
from bert_export.tuning.candidate import TRIED, Candidate, CandidatePlan
from bert_runtime import bundle as bundles
from bert_runtime import canaries_json
from bert_runtime.manifest import ModelRecord
from bert_runtime.text import TextEncoder


class FromBundle:
    """See CandidateSource. What the bundle holds was compared with torch when it was made."""

    def __init__(self, options: ExportOptions, stages: Stages) -> None:
        """Read the bundle.

        Raises:
            BundleError: what is named is no bundle.
            OptionError: it holds nothing in fp32 for a CPU, or a decoder that reads an encoder.
        """
        assert options.bundle is not None  # what the caller asks for
        with stages.stage("load"):
            self._bundle = bundles.read(options.bundle)
        self.record: ModelRecord = self._bundle.manifest
        tokenizer = self.record.tokenizer
        artefacts = self._bundle.manifest.artefacts
        if any(artefact.cross_kv_graph is not None for artefact in artefacts):
            raise OptionError(f"{FLAG} asks a model texts, and the decoder in {options.bundle} reads an encoder")
        tried = [target.name for target in TRIED]
        if not any(artefact.target in tried and artefact.precision == "fp32" for artefact in artefacts):
            held = ", ".join(dict.fromkeys(f"{artefact.target} {artefact.precision}" for artefact in artefacts))
            raise OptionError(
                f"{options.bundle} holds {held}, expected fp32 for {' or '.join(tried)}: export it again with "
                "--target cpu --target openvino, or give the checkpoint, --model"
            )
        self.text = TextEncoder.from_file(self._bundle.directory / tokenizer.file, tokenizer)
        self.canaries = canaries_json.read(self._bundle) if canaries_json.NAME in self._bundle.manifest.files else ()
        self.output = Path(f"{options.bundle.resolve().name}-best")
        self.notes: tuple[str, ...] = ()

    def missing(self, plan: CandidatePlan) -> str:
        """See CandidateSource."""
        wanted = (plan.target, "fp32" if plan.precision == "int8" else plan.precision)
        if any((artefact.target, artefact.precision) == wanted for artefact in self._bundle.manifest.artefacts):
            return ""
        return f"the bundle holds no artefact for {wanted[0]} in {wanted[1]}; give the checkpoint, --model"

    def make(self, plan: CandidatePlan) -> Candidate:
        """See CandidateSource."""
        held = {(artefact.target, artefact.precision): artefact for artefact in self._bundle.manifest.artefacts}
        artefact = held[plan.target, plan.precision]
        contents = dataclasses.replace(self._bundle.manifest, artefacts=(artefact,), quality=None)
        names = (*kept_files(self._bundle), *artefact.files)
        files: dict[str, bytes | Path] = {name: self._bundle.directory / name for name in names}
        return Candidate(plan, self._bundle.directory, contents, files, ArtefactReport({}, None))
