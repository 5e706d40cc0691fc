"""The user's samples: what int8 is calibrated on, and what every reduced precision has to answer within the budget."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from bert_calibration.samples import Samples
from bert_export.errors import GateError
from bert_export.int8 import Judged, make_int8, quality_of
from bert_export.options import Quantizing
from bert_export.tuning.candidates import UNCALIBRATED, Candidate
from bert_export.tuning.entrant import Entrant
from bert_runtime.bundle import Bundle


class Judging:
    """Makes int8 of fp32 entrants, and judges. What several candidates need of the samples is computed once for each
    target: fp32's answers, and the ranges of its activations."""

    def __init__(self, how: Quantizing, samples: Samples | None, folder: Path) -> None:
        """`how` holds the budget, `folder` what is made."""
        self._how, self._samples, self._folder = how, samples, folder
        self._judged: dict[str, Judged] = {}
        self._ranges: dict[str, Path] = {}

    def quantised(self, candidate: Candidate, base: Entrant) -> Entrant:
        """An fp32 entrant in int8; without samples nothing says how well it answers.

        Raises:
            GateError: it does not hold the budget, or is no faster than fp32.
            QuantizationError, CalibrationError: the graph or the data are no basis for int8.
        """
        folder = self._folder / candidate.name.replace(" ", "-")
        folder.mkdir()
        graphs = {base.artefact.file, *base.artefact.data}
        common = {name: source for name, source in base.files.items() if name not in graphs}
        for name, source in common.items():
            (folder / name).write_bytes(source if isinstance(source, bytes) else source.read_bytes())
        plan = None if candidate.plan == UNCALIBRATED else candidate.plan
        how = dataclasses.replace(self._how, plan=plan, ranges=self._ranges.get(candidate.target))
        made = make_int8(base.subject, how, folder / "model.onnx", self._judge(base))
        for path in made.files.values():
            if path.name.startswith("ranges."):
                self._ranges[candidate.target] = path
        quality = quality_of([(made.artefact, made.report)])
        manifest = dataclasses.replace(base.bundle.manifest, artefacts=(made.artefact,), quality=quality)
        report = dataclasses.replace(base.report, int8=made.report)
        trials = made.report.quantization["trials"]
        drop = float(trials[-1]["drop"]) if trials else None
        return Entrant(candidate, Bundle(folder, manifest), {**common, **made.files}, report, drop, drop is not None)

    def judged(self, entrant: Entrant, base: Entrant) -> Entrant:
        """An entrant in less than single precision that torch was compared with, on the samples too, if there are any.

        Raises:
            GateError: it loses more than the budget.
        """
        if self._samples is None:
            return entrant
        judge, subject = self._judge(base), entrant.subject
        with subject.engine() as engine:
            drop = judge.drop(subject.answers(engine, judge.requests), judge.reference)
        if not drop <= self._how.max_drop:
            raise GateError(
                f"the drop is {drop:.4f}, expected {self._how.max_drop:g} at most: allow more with --max-drop"
            )
        return dataclasses.replace(entrant, drop=drop)

    def _judge(self, base: Entrant) -> Judged:
        target = base.candidate.target
        if target not in self._judged:
            self._judged[target] = Judged.of(base.subject, self._samples)
        return self._judged[target]
