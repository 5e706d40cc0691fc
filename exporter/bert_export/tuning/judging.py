"""The user's samples: what int8 is calibrated on, and what every reduced precision has to answer within the
accuracy constraint."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from bert_calibration.mixed_precision import SearchError
from bert_calibration.samples import Samples
from bert_export.errors import GateError
from bert_export.int8 import make_int8, quality_of
from bert_export.judged import Judged
from bert_export.options import Quantizing
from bert_export.tuning.candidates import UNCALIBRATED, Candidate
from bert_export.tuning.entrant import Entrant
from bert_runtime.bundle import Bundle


class DropError(GateError):
    """More is lost than the accuracy constraint allows.

    Attributes:
        drop: how much.
    """

    def __init__(self, drop: float, most: float) -> None:
        self.drop = drop
        super().__init__(f"the drop is {drop:.4f}, expected {most:g} at most; allow more with --max-drop")


class Judging:
    """Makes int8 of fp32 entrants, and judges. What several candidates need of the samples is computed once for each
    target: fp32's answers, and the ranges of its activations."""

    def __init__(self, how: Quantizing, samples: Samples | None, folder: Path) -> None:
        """`how` holds the constraint, `folder` what is made."""
        self._how, self._samples, self._folder = how, samples, folder
        self._judged: dict[str, Judged] = {}
        self._ranges: dict[str, Path] = {}

    def quantised(self, candidate: Candidate, base: Entrant, mixtures: bool) -> Entrant:
        """An fp32 entrant in int8; without samples nothing says how well it answers.

        Args:
            mixtures: whether what hurts most may stay more precise: finding that takes dozens of evaluations.

        Raises:
            DropError: it loses more than the constraint allows.
            GateError: it is no faster than fp32, or the samples are too few to tell.
            QuantizationError, CalibrationError: the graph or the data are no basis for int8.
        """
        folder = self._folder / f"{candidate.name.replace(' ', '-')}{'-mixed' if mixtures else ''}"
        folder.mkdir()
        common = {name: source for name, source in base.files.items() if name not in base.artefact.files}
        for name, source in common.items():
            (folder / name).write_bytes(source if isinstance(source, bytes) else source.read_bytes())
        plan = None if candidate.preset == UNCALIBRATED else candidate.preset
        ranges = self._ranges.get(candidate.target)
        how = dataclasses.replace(self._how, preset=plan, ranges=ranges, mixtures=mixtures)
        try:
            made = make_int8(base.baseline, how, folder / "model.onnx", self._judge(base))
        except GateError as error:
            raise self._in_other_words(error) from error
        for path in made.files.values():
            if path.name.startswith("ranges."):
                self._ranges[candidate.target] = path
        quality = quality_of([(made.artefact, made.report)])
        manifest = dataclasses.replace(base.bundle.manifest, artefacts=(made.artefact,), quality=quality)
        report = dataclasses.replace(base.report, int8=made.report, sequence_packing=made.sequence_packing)
        entrant = Entrant(candidate, Bundle(folder, manifest), {**common, **made.files}, report)
        if self._samples is None:
            return dataclasses.replace(entrant, is_judged=False)
        told = made.report.accuracy
        return dataclasses.replace(entrant, drop=float(told["drop"]), judged_on=int(told["samples"]))

    def judged(self, entrant: Entrant, base: Entrant) -> Entrant:
        """An entrant in less than single precision that torch was compared with, on the samples too, if there are any.

        Raises:
            GateError: it loses more than the constraint allows.
        """
        if self._samples is None:
            return entrant
        judge, baseline = self._judge(base), entrant.baseline
        with baseline.engine() as engine:
            drop = judge.drop(baseline.answers(engine, judge.asked), judge.reference)
        if not self._how.constraint.covers(drop.value):
            raise DropError(drop.value, self._how.max_drop)
        return dataclasses.replace(entrant, drop=drop.value, judged_on=drop.samples)

    def _in_other_words(self, error: GateError) -> GateError:
        """What was refused, with the least drop of all that was tried if that was the reason."""
        cause = error.__cause__
        if not isinstance(cause, SearchError) or not cause.is_accuracy:
            return error
        return DropError(cause.least, self._how.max_drop)

    def _judge(self, base: Entrant) -> Judged:
        target = base.candidate.target
        if target not in self._judged:
            self._judged[target] = Judged.of(base.baseline, self._samples, max_drop=self._how.max_drop)
        return self._judged[target]
