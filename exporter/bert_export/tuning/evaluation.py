"""Every candidate through its gates: calibrated and judged on the user's samples, within the accuracy constraint."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bert_calibration.config import QuantizationConfig
from bert_calibration.mixed_precision import SearchError
from bert_calibration.samples import Samples
from bert_export.errors import GateError
from bert_export.int8 import make_int8, quality_of
from bert_export.judged import Judged
from bert_export.progress import Stages
from bert_export.pruned import for_ranges, prune_network, sliced, told_of
from bert_export.tuning.candidate import UNCALIBRATED, Candidate, CandidatePlan, CandidateSource
from bert_export.tuning.report import Line, untimed
from bert_runtime.errors import BertError, InputError


class DropError(GateError):
    """More is lost than the accuracy constraint allows.

    Attributes:
        drop: how much.
    """

    def __init__(self, drop: float, most: float) -> None:
        self.drop = drop
        super().__init__(f"the drop is {drop:.4f}, expected {most:g} at most; allow more with --max-drop")


class Evaluator:
    """Makes int8 of fp32 candidates, and judges. What several plans need of the samples is computed once for each
    target: fp32's answers, and the ranges of its activations."""

    def __init__(self, config: QuantizationConfig, samples: Samples | None, folder: Path) -> None:
        """`config` holds the constraint, `folder` what is made."""
        self._config, self._samples, self._folder = config, samples, folder
        self._judged: dict[str, Judged] = {}
        self._ranges: dict[str, Path] = {}

    def quantised(self, plan: CandidatePlan, base: Candidate, mixtures: bool) -> Candidate:
        """An fp32 candidate in int8; without samples nothing says how well it answers.

        Args:
            mixtures: whether what hurts most may stay more precise: finding that takes dozens of evaluations.

        Raises:
            DropError: it loses more than the constraint allows.
            GateError: it is no faster than fp32, or the samples are too few to tell.
            QuantizationError, CalibrationError: the graph or the data are no basis for int8.
        """
        folder = self._folder / f"{plan.name.replace(' ', '-')}{'-mixed' if mixtures else ''}"
        folder.mkdir()
        common = {name: source for name, source in base.files.items() if name not in base.artefact.files}
        for name, source in common.items():
            (folder / name).write_bytes(source if isinstance(source, bytes) else source.read_bytes())
        preset = None if plan.preset == UNCALIBRATED else plan.preset
        ranges = self._ranges.get(plan.target)
        config = dataclasses.replace(self._config, preset=preset, ranges=ranges, mixtures=mixtures)
        try:
            made = make_int8(base.baseline, config, folder / "model.onnx", self._judge(base))
        except GateError as error:
            raise self._in_other_words(error) from error
        for path in made.files.values():
            if path.name.startswith("ranges."):
                self._ranges[plan.target] = path
        quality = quality_of([(made.artefact, made.report)])
        contents = dataclasses.replace(base.contents, artefacts=(made.artefact,), quality=quality)
        report = dataclasses.replace(base.report, int8=made.report, sequence_packing=made.sequence_packing)
        candidate = Candidate(plan, folder, contents, {**common, **made.files}, report)
        if self._samples is None:
            return dataclasses.replace(candidate, is_judged=False)
        accuracy = made.report.accuracy
        return dataclasses.replace(candidate, drop=float(accuracy["drop"]), judged_on=int(accuracy["samples"]))

    def pruned(self, plan: CandidatePlan, base: Candidate) -> Candidate:
        """An fp32 candidate pruned as far as the constraint allows, then in int8; both are judged together.

        Raises:
            GateError: nothing faster holds the constraint, or the samples are too few to tell.
            CalibrationError, QuantizationError, OptionError: the graph, the data or the bundle are no basis.
        """
        folder = self._folder / plan.name.replace(" ", "-")
        (folder / "search").mkdir(parents=True)
        config = dataclasses.replace(self._config, preset=plan.preset)
        pruned = prune_network(base.baseline, plan.precision, config, None, folder / "search")
        baseline = sliced(base.baseline, pruned.pruning, folder / "fp32")
        made = make_int8(baseline, config, folder / "model.onnx", for_ranges(pruned.judged))
        common = {name: source for name, source in base.files.items() if name not in base.artefact.files}
        for name, source in common.items():
            (folder / name).write_bytes(source if isinstance(source, bytes) else source.read_bytes())
        quality = quality_of([(made.artefact, made.report)])
        contents = dataclasses.replace(base.contents, artefacts=(made.artefact,), quality=quality)
        report = dataclasses.replace(base.report, int8=made.report, sequence_packing=made.sequence_packing)
        accuracy = made.report.accuracy
        files = {**common, **made.files, **pruned.files(folder)}
        told = told_of(contents, pruned, {})
        return Candidate(plan, folder, told, files, report, float(accuracy["drop"]), judged_on=int(accuracy["samples"]))

    def judged(self, candidate: Candidate, base: Candidate) -> Candidate:
        """A candidate in less than single precision that torch was compared with, on the samples too, if there are any.

        Raises:
            GateError: it loses more than the constraint allows.
        """
        if self._samples is None:
            return candidate
        judge, baseline = self._judge(base), candidate.baseline
        with baseline.engine() as engine:
            drop = judge.drop(baseline.answers(engine, judge.asked), judge.reference)
        if not self._config.constraint.covers(drop.value):
            raise DropError(drop.value, self._config.max_drop)
        return dataclasses.replace(candidate, drop=drop.value, judged_on=drop.samples)

    def _in_other_words(self, error: GateError) -> GateError:
        """What was refused, with the least drop of all that was tried if that was the reason."""
        cause = error.__cause__
        if not isinstance(cause, SearchError) or not cause.is_accuracy:
            return error
        return DropError(cause.least, self._config.max_drop)

    def _judge(self, base: Candidate) -> Judged:
        target = base.plan.target
        if target not in self._judged:
            self._judged[target] = Judged.of(base.baseline, self._samples, max_drop=self._config.max_drop)
        return self._judged[target]


@dataclass(frozen=True)
class CandidateBuilder:
    """Where plans are from, what judges them, and what has become of them so far: passed, and refused with why."""

    source: CandidateSource
    evaluator: Evaluator
    stages: Stages
    passed: list[Candidate] = field(default_factory=list)
    refused: dict[CandidatePlan, BertError] = field(default_factory=dict)

    def all(self, plans: Sequence[CandidatePlan]) -> tuple[list[Candidate], list[Line]]:
        """Those that passed, in order, and lines of those that did not.

        Of a target whose plans all lose too much as they are, the one that loses least is made once more, keeping what
        hurts most more precise: a search of minutes, which the others need not wait for.

        Raises:
            InputError: a sample cannot be asked; no plan could answer it.
            GateError: none passed, with all reasons.
        """
        absent = {plan: reason for plan in plans if (reason := self.source.missing(plan))}
        for plan in plans:
            if plan not in absent:
                self._try(plan)
        for target in dict.fromkeys(plan.target for plan in plans):
            self._try_mixture(target)
        lines = [untimed(plan.name, str(error), "failed") for plan, error in self.refused.items()]
        lines += [untimed(plan.name, reason, "absent") for plan, reason in absent.items()]
        if not any(candidate.is_judged for candidate in self.passed):
            reasons = "; ".join(f"{line.name}: {line.reason}" for line in lines)
            raise GateError(f"no plan passes its gates, expected one at least; no bundle was written: {reasons}")
        return sorted(self.passed, key=lambda candidate: plans.index(candidate.plan)), lines

    def _try_mixture(self, target: str) -> None:
        errors = {plan: error for plan, error in self.refused.items() if plan.target == target}
        drops = {plan: error.drop for plan, error in errors.items() if isinstance(error, DropError)}
        tried = (*errors, *(each.plan for each in self.passed))
        plans = [each for each in tried if each.target == target and each.preset and not each.pruned]
        if plans and all(plan in drops for plan in plans):
            self._try(min(plans, key=lambda plan: drops[plan]), mixtures=True)

    def _try(self, plan: CandidatePlan, mixtures: bool = False) -> None:
        try:
            self.passed.append(self._made(plan, mixtures))
        except InputError:
            raise
        except BertError as error:
            self.refused[plan] = error
        else:
            self.refused.pop(plan, None)

    def _made(self, plan: CandidatePlan, mixtures: bool) -> Candidate:
        single = [candidate for candidate in self.passed if candidate.plan.precision == "fp32"]
        own = [candidate for candidate in single if candidate.plan.target == plan.target]
        if plan.precision == "int8":
            if not own:
                raise GateError("it is made of its target's fp32 graph, which is not there")
            if plan.pruned:
                with self.stages.stage("prune", f"({plan.name})"):
                    return self.evaluator.pruned(plan, own[0])
            with self.stages.stage("search" if mixtures else "quantize", f"({plan.name})"):
                return self.evaluator.quantised(plan, own[0], mixtures)
        made = self.source.make(plan)
        if plan.precision == "fp32" or not single:
            return made
        with self.stages.stage("judge", f"({plan.name})"):
            return self.evaluator.judged(made, (own or single)[0])
