"""The plot: make every plan that passes its gates, time them in turns, choose, write the winner."""

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
from bert_export.canaries import with_canaries
from bert_export.errors import OptionError
from bert_export.options import ExportOptions
from bert_export.progress import Stages
from bert_export.report import ExportReport
from bert_export.tuning.candidate import Candidate, CandidateSource, plans_for, thread_counts
from bert_export.tuning.choice import Verdict, decide, finalists
from bert_export.tuning.evaluation import CandidateBuilder, Evaluator
from bert_export.tuning.from_bundle import FromBundle
from bert_export.tuning.report import Line, Tuning, tuning_of, untimed
from bert_export.tuning.trials import Timed, Workload, run_final, run_trials
from bert_export.tuning.workload import Requests, requests_of
from bert_runtime.bundle import Bundle
from bert_runtime.canaries import Canary
from bert_runtime.machine.system import Probe, System, this_system
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import Task
from bert_runtime.text import TextEncoder


def tune(options: ExportOptions, stages: Stages | None = None) -> ExportReport:
    """Try every target, precision and number of threads on this machine's CPU, and write the best as a bundle.

    Raises:
        OptionError: an option does not fit the task or the bundle, or the output is taken.
        CheckpointError, BundleError: the checkpoint lacks something, or what is named is no bundle.
        InputError: the samples are wrong, with their lines.
        GateError: no plan passes its gates, with all reasons.
    """
    stages = stages or Stages()
    if options.output:
        check_output(options.output, options.force)
    with scratch_folder() as folder:
        prepared = _gathered(options, stages, folder)
        workload = Workload(prepared.requests, options.optimize or MODES[0])
        timed, verdict = _raced(workload, prepared.candidates, stages)
        winner = next(each.candidate for each in timed if each.trial == verdict.winner)
        tuning = tuning_of(prepared.system, (workload.mode, prepared.requests), timed, verdict, prepared.others)
        with stages.stage("write"):
            bundle = _write(prepared, winner, tuning, options.force)
    size = sum(record.size for record in bundle.manifest.files.values())
    task, seconds = bundle.manifest.task, dict(stages.seconds)
    return ExportReport(task, prepared.output, size, prepared.notes, (winner.report,), seconds, tuning=tuning)


@dataclass(frozen=True)
class _Prepared:
    """What takes part, what does not, and what all are asked; the checkpoint and torch's model are no longer needed."""

    candidates: Sequence[Candidate]
    others: Sequence[Line]
    requests: Requests
    system: System
    output: Path
    notes: tuple[str, ...]
    text: TextEncoder
    canaries: tuple[Canary, ...]


def _gathered(options: ExportOptions, stages: Stages, folder: Path) -> _Prepared:
    """Everything that may be wrong with the options, then every plan."""
    source = _source(options, stages, folder)
    output = options.output or source.output
    check_output(output, options.force)
    task, settings = find_task(source.record.task), source.record.settings
    _check_mode(options, task)
    text, file = source.text, options.calibrate
    samples = read_samples(file, task, settings, text, options.limit) if file else None
    requests = requests_of(samples, task, task.head(text, settings))
    system = this_system(Probe(driver=lambda: None))
    found = plans_for(system, samples is not None, task.is_autoregressive, options.allow_pruning)
    candidates, failed = CandidateBuilder(source, Evaluator(options.quantization, samples, folder), stages).all(
        found.plans
    )
    others = [*failed, *(untimed(name, reason, "absent") for name, reason in found.absent)]
    return _Prepared(candidates, others, requests, system, output, source.notes, text, source.canaries)


def _source(options: ExportOptions, stages: Stages, folder: Path) -> CandidateSource:
    if options.bundle is not None:
        return FromBundle(options, stages)
    from bert_export.tuning.from_checkpoint import FromCheckpoint  # noqa: PLC0415 - torch: a bundle needs none

    return FromCheckpoint(options, stages, folder)


def _check_mode(options: ExportOptions, task: Task[Any, Any, Any]) -> None:
    if options.optimize == "throughput" and task.is_autoregressive:
        raise OptionError(
            f"{FLAG} throughput, expected latency for {task.name}: each token of a text waits for the one before"
        )


def _raced(workload: Workload, candidates: Sequence[Candidate], stages: Stages) -> tuple[list[Timed], Verdict]:
    def report(what: str) -> Any:
        return stages.stage("measure", f"({what})")

    timed = list(run_trials(workload, candidates, thread_counts(), report))
    trials = [each.trial for each in timed]
    front = [next(each for each in timed if each.trial == trial) for trial in finalists(trials)]
    return timed, decide(run_final(workload, front, report), trials)


def _write(prepared: _Prepared, winner: Candidate, tuning: Tuning, force: bool) -> Bundle:
    """The winner's bundle. Unlike any other it tells times, and so differs from run to run."""
    contents = winner.contents
    verification: Mapping[str, Any] = {**contents.verification, "tuning": tuning.to_json()}
    contents = dataclasses.replace(contents, verification=verification)
    contents, files = with_canaries(contents, winner.files, prepared.canaries, prepared.text)
    return write(prepared.output, contents, files, force)
