"""The plot: choose a plan, calibrate, quantise, and keep what hurts until the budget holds."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import onnx_ir as ir

from bert_calibration.baseline import BaselineArtefact
from bert_calibration.batches import batches_of, doubts
from bert_calibration.config import QuantizationConfig
from bert_calibration.convert import Conversion
from bert_calibration.errors import CalibrationError, QuantizationError
from bert_calibration.held_out import digests
from bert_calibration.measure import Judge, VariantBuilder
from bert_calibration.mixed_precision import Search, search
from bert_calibration.observe import observe
from bert_calibration.plans import Granularity, Plan
from bert_calibration.products import find_points
from bert_calibration.ranges import Ranges, ranges_of
from bert_calibration.ranges_file import check_belongs, digest
from bert_calibration.sensitivity import rank
from bert_calibration.targets import SCHEMES, choose
from bert_calibration.trials import Trial
from bert_runtime.targets import find_target
from bert_runtime.tasks.request import Request


@dataclass(frozen=True)
class Evidence:
    """What quantisation may look at.

    Attributes:
        calibration: requests whose activations make the ranges.
        judged: requests whose answers the constraint is about, none of which calibrated.
        judge: how much worse their answers are than fp32's.
        reference: fp32's answers to `judged`, where they are known already.
    """

    calibration: Sequence[Request]
    judged: Sequence[Request]
    judge: Judge
    reference: Sequence[Any] | None = None


@dataclass(frozen=True)
class Quantization:
    """What was made.

    Attributes:
        conversion: the plan, and what became of the products.
        ranges: to save beside the bundle; None for a plan that needs none.
        search: what the budget took; None where nothing was judged.
        notes: what a reader of the report must know.
    """

    conversion: Conversion
    ranges: Ranges | None
    search: Search | None
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        plan, found = self.conversion.plan, self.search
        return {
            "plan": plan.name,
            "method": plan.method or plan.dense.value,
            "batch_invariant": plan.is_batch_invariant,
            "operators": dict(self.conversion.operators),
            "kept": list(self.conversion.kept),
            "embedding": "int8" if self.conversion.embedding else "float",
            "calibrated_on": self.ranges.requests if self.ranges else 0,
            "trials": [_told(each) for each in (found.trials if found else ())],
            "sensitivity": [asdict(each) for each in (found.ranking if found else ())],
            "notes": list(self.notes),
        }


def _told(trial: Trial) -> dict[str, Any]:
    return {
        "plan": trial.plan.name,
        "kept": sorted(trial.plan.kept),
        "careful": trial.plan.careful.value,
        "divergence": float(f"{trial.divergence:.3g}"),
        "drop": None if trial.drop is None else trial.drop.value,
        "speed": trial.speed,
    }


def quantize(
    baseline: BaselineArtefact,
    config: QuantizationConfig,
    evidence: Evidence | None,
    output: Path,
    ranges: Ranges | None = None,
) -> Quantization:
    """Write the int8 variant of a verified fp32 artefact to the file `output`.

    Saved `ranges` are used instead of calibrating again.

    Raises:
        QuantizationError: the task or the target has no int8, or a product is missing.
        CalibrationError: the data, or the ranges, are no basis for scales.
        SearchError: no plan meets the constraint, or none that does is faster than fp32 here; holds the table.
        InputError: a request cannot be encoded.
    """
    check_task(baseline)
    target = baseline.artefact.target
    has_speed = not find_target(target).is_on_gpu
    plan = choose(config, target, has_data=evidence is not None or ranges is not None)
    if plan.method and ranges:
        plan = replace(plan, method=ranges.method)
    found_ranges = _ranges(baseline, plan, evidence, ranges)
    builder = VariantBuilder(baseline, found_ranges, output)
    found = None
    if evidence is not None:
        with builder.measuring(evidence.judged, evidence.judge, evidence.reference) as measures:
            found = search(
                plan,
                measures,
                config if has_speed else replace(config, min_speed=None),
                lambda base: rank(base, builder.points, measures.glance),
            )
            plan = found.plan
    conversion = builder.make(plan)
    return Quantization(conversion, found_ranges, found, tuple(notes(plan, baseline, found is not None)))


def calibrate(baseline: BaselineArtefact, evidence: Evidence | None, method: str) -> Ranges:
    """Observe the fp32 graph on the calibration requests, and take every activation's range."""
    if evidence is None:
        raise CalibrationError(f"the method {method} needs calibration data; give requests")
    rows = baseline.rows(evidence.calibration)
    for doubt in doubts(len(evidence.calibration), rows):
        warnings.warn(doubt, stacklevel=2)
    seen = observe(baseline.path, batches_of(rows, baseline.text.pad_id))
    found = ranges_of(seen, method, digest(baseline.path), len(evidence.calibration))
    return replace(found, texts=digests((row.ids, row.type_ids, row.mask) for row in rows))


def check_task(baseline: BaselineArtefact) -> None:
    """Pass, or refuse a head that integers are not made for.

    Raises:
        QuantizationError: a decoder.
    """
    if baseline.task.is_autoregressive:
        raise QuantizationError(
            f"{baseline.task.name} has no int8: a decoder reads back the keys and values that it computed, so errors"
            " add up from token to token, and prompts do not show what it will generate; export it in fp32 or fp16"
        )


def notes(plan: Plan, baseline: BaselineArtefact, measured: bool) -> Iterator[str]:
    """What a reader of the report must know, a sentence each."""
    if plan.method is None:
        yield "no calibration: scales are taken from each text while it is answered"
    if not measured:
        yield "no accuracy was measured; give --calibrate FILE for a plan that is"
    if not plan.is_batch_invariant:
        yield "not batch invariant: an answer depends on what it is batched with; the other plans have no such effect"
    target = find_target(baseline.artefact.target)
    scheme = SCHEMES[target.name]
    yield from filter(None, [scheme.note, scheme.token_note if Granularity.TOKEN in plan.granularities else ""])
    if target.is_on_gpu:
        yield f"speed was not measured: no engine for {target.name} runs here; its answers are those of the CPU"


def _ranges(baseline: BaselineArtefact, plan: Plan, evidence: Evidence | None, saved: Ranges | None) -> Ranges | None:
    """What the plan needs: the saved ranges once they are found to belong to this graph, else new ones."""
    if plan.method is None:
        return None
    if saved is None:
        return calibrate(baseline, evidence, plan.method)
    check_belongs(saved, digest(baseline.path), find_points(ir.load(baseline.path)))
    return saved
