"""The plot: make every candidate that passes its gates, time them in turns, choose, write the winner."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert_calibration.owned_folder import scratch_folder
from bert_calibration.samples import read_samples
from bert_export.applicability import FLAG, MODES
from bert_export.bundle_writer import check_output, write
from bert_export.errors import OptionError
from bert_export.options import ExportOptions
from bert_export.progress import Stages
from bert_export.report import ExportReport
from bert_export.tuning.candidates import field_of, thread_counts
from bert_export.tuning.choice import Verdict, decide, finalists
from bert_export.tuning.entrant import Entrant, Origin
from bert_export.tuning.from_bundle import FromBundle
from bert_export.tuning.judging import Judging
from bert_export.tuning.making import Making
from bert_export.tuning.race import Timed, Track, run_final, run_heats
from bert_export.tuning.report import Line, Tuning, tuning_of, untimed
from bert_export.tuning.requests import Requests, requests_of
from bert_runtime.bundle import Bundle
from bert_runtime.machine.system import Probe, System, this_system
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import Task


def tune(options: ExportOptions, stages: Stages | None = None) -> ExportReport:
    """Try every target, precision and number of threads on this machine's CPU, and write the best as a bundle.

    Raises:
        OptionError: an option does not fit the task or the bundle, or the output is taken.
        CheckpointError, BundleError: the checkpoint lacks something, or what is named is no bundle.
        InputError: the samples are wrong, with their lines.
        GateError: no candidate passes its gates, with all reasons.
    """
    stages = stages or Stages()
    if options.output:
        check_output(options.output, options.force)
    with scratch_folder() as folder:
        field = _gathered(options, stages, folder)
        track = Track(field.requests, options.optimize or MODES[0])
        timed, verdict = _raced(track, field.entrants, stages)
        winner = next(each.entrant for each in timed if each.heat == verdict.winner)
        tuning = tuning_of(field.system, (track.mode, field.requests), timed, verdict, field.others)
        with stages.stage("write"):
            bundle = _write(field.output, winner, tuning, options.force)
    size = sum(record.size for record in bundle.manifest.files.values())
    task, seconds = bundle.manifest.task, dict(stages.seconds)
    return ExportReport(task, field.output, size, field.notes, (winner.report,), seconds, tuning=tuning)


@dataclass(frozen=True)
class _Field:
    """What takes part, what does not, and what all are asked; the checkpoint and torch's model are no longer needed."""

    entrants: Sequence[Entrant]
    others: Sequence[Line]
    requests: Requests
    system: System
    output: Path
    notes: tuple[str, ...]


def _gathered(options: ExportOptions, stages: Stages, folder: Path) -> _Field:
    """Everything that may be wrong with the options, then every candidate."""
    origin = _origin(options, stages, folder)
    output = options.output or origin.output
    check_output(output, options.force)
    task, settings = find_task(origin.manifest.task), origin.manifest.settings
    _check_mode(options, task)
    text, file = origin.text, options.calibrate
    samples = read_samples(file, task, settings, text, options.limit) if file else None
    requests = requests_of(samples, task, task.head(text, settings))
    system = this_system(Probe(driver=lambda: None))
    field = field_of(system, samples is not None, task.is_autoregressive)
    entrants, failed = Making(origin, Judging(options.quantizing, samples, folder), stages).all(field.candidates)
    others = [*failed, *(untimed(name, reason, "absent") for name, reason in field.absent)]
    return _Field(entrants, others, requests, system, output, origin.notes)


def _origin(options: ExportOptions, stages: Stages, folder: Path) -> Origin:
    if options.bundle is not None:
        return FromBundle(options, stages)
    from bert_export.tuning.from_checkpoint import FromCheckpoint  # noqa: PLC0415 - torch: a bundle needs none

    return FromCheckpoint(options, stages, folder)


def _check_mode(options: ExportOptions, task: Task[Any, Any, Any]) -> None:
    if options.optimize == "throughput" and task.is_autoregressive:
        raise OptionError(
            f"{FLAG} throughput, expected latency for {task.name}: each token of a text waits for the one before"
        )


def _raced(track: Track, entrants: Sequence[Entrant], stages: Stages) -> tuple[list[Timed], Verdict]:
    def told(what: str) -> Any:
        return stages.stage("measure", f"({what})")

    timed = list(run_heats(track, entrants, thread_counts(), told))
    heats = [each.heat for each in timed]
    front = [next(each for each in timed if each.heat == heat) for heat in finalists(heats)]
    return timed, decide(run_final(track, front, told), heats)


def _write(output: Path, winner: Entrant, tuning: Tuning, force: bool) -> Bundle:
    """The winner's bundle. Unlike any other it tells times, and so differs from run to run."""
    manifest = winner.bundle.manifest
    verification: Mapping[str, Any] = {**manifest.verification, "tuning": tuning.to_json()}
    return write(output, dataclasses.replace(manifest, verification=verification), winner.files, force)
