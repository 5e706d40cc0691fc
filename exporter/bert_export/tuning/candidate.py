"""Candidates: what may be made for this machine's CPU, why the rest may not, and what was made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from bert_calibration.baseline import BaselineArtefact
from bert_export.bundle_writer import file_records
from bert_export.report import ArtefactReport
from bert_runtime.bundle import Bundle
from bert_runtime.canaries import Canary
from bert_runtime.cpus import available_cpus
from bert_runtime.machine.requirements import missing_requirements
from bert_runtime.machine.system import System
from bert_runtime.manifest import Artefact, Contents, ModelRecord
from bert_runtime.targets import TARGETS, Target
from bert_runtime.text import TextEncoder

TRIED = tuple(target for target in TARGETS if target.is_candidate)
"""The targets that are tried, the one that needs less installed first."""

EXACTNESS = ("fp32", "bf16", "int8 per-token", "int8 accuracy", "int8 performance", "int8 performance pruned")
"""Precisions with their presets, those nearest to torch's answers first."""

CALIBRATED, UNCALIBRATED = ("performance", "accuracy"), "per-token"
"""The presets of int8 that need data, and the one that needs none."""


@dataclass(frozen=True)
class CandidatePlan:
    """What may be made: a target, a precision, of int8 the preset, and of that whether it is pruned first."""

    target: str
    precision: str
    preset: str = ""
    pruned: bool = False

    @property
    def numbers(self) -> str:
        """The precision with its preset, and whether the network is pruned."""
        return f"{self.precision} {self.preset}{' pruned' if self.pruned else ''}".strip()

    @property
    def name(self) -> str:
        """In words, for tables."""
        return f"{self.target} {self.numbers}"

    @property
    def rank(self) -> tuple[int, int]:
        """Smaller for the more exact, then for what needs less installed."""
        return EXACTNESS.index(self.numbers), [target.name for target in TRIED].index(self.target)


@dataclass(frozen=True)
class CandidatePlans:
    """What is tried, fp32 of each target first; and (name, reason) of what is not."""

    plans: tuple[CandidatePlan, ...]
    absent: tuple[tuple[str, str], ...]


def plans_for(system: System, has_data: bool, is_decoder: bool, prunes: bool = False) -> CandidatePlans:
    """Every target and precision of the CPU, on a machine that has `system`.

    Args:
        has_data: whether there are requests to calibrate and judge int8 on.
        is_decoder: whether the head reads back what it computed, which integers are not made for.
        prunes: whether networks may be pruned, which changes answers more than rounding does.
    """
    found: list[CandidatePlan] = []
    absent: list[tuple[str, str]] = []
    for target in TRIED:
        missing = missing_requirements(system, target.name)
        if missing:
            absent.append((target.name, "; ".join(map(str, missing))))
            continue
        for plan, reason in _of_target(target, system, has_data, is_decoder):
            if reason:
                absent.append((plan.name, reason))
            else:
                found.append(plan)
        if prunes and has_data and not is_decoder:
            found.append(CandidatePlan(target.name, "int8", CALIBRATED[0], pruned=True))
    return CandidatePlans(tuple(found), tuple(absent))


def thread_counts(cpus: int | None = None) -> tuple[int, ...]:
    """All CPUs that affinity and cgroup leave this process, then the powers of two below, down to 1."""
    most = cpus or available_cpus()
    return tuple(dict.fromkeys([most, *(2**i for i in range(most.bit_length() - 1, -1, -1))]))


def _of_target(target: Target, system: System, has_data: bool, is_decoder: bool) -> Iterator[tuple[CandidatePlan, str]]:
    """Each plan, and why it is none, if it is none."""
    yield CandidatePlan(target.name, "fp32"), ""
    if "bf16" in target.precisions:
        reason = "" if system.cpu.has_bf16 else "this CPU has no bf16 products: it would run in fp32"
        yield CandidatePlan(target.name, "bf16"), reason
    if is_decoder:
        yield CandidatePlan(target.name, "int8"), "a decoder has no int8: errors add up from token to token"
        return
    for plan in CALIBRATED:
        yield (
            CandidatePlan(target.name, "int8", plan),
            "" if has_data else "needs calibration data; give --calibrate FILE",
        )
    if not has_data:
        yield CandidatePlan(target.name, "int8", UNCALIBRATED), ""


@dataclass(frozen=True)
class Candidate:
    """What was made of a plan.

    Attributes:
        directory: where its files lie.
        contents: what its bundle will say of itself.
        files: all that its bundle will hold, by name.
        report: what its gates found.
        drop: how much of the task's metric it loses, or without labels the share of answers that differ from fp32's;
            None where nothing was judged.
        judged_on: how many independent samples show that; 0 where nothing was judged.
        is_judged: whether its gates saw how well it answers; without, it is timed and shown, and never chosen.
    """

    plan: CandidatePlan
    directory: Path
    contents: Contents
    files: Mapping[str, bytes | Path]
    report: ArtefactReport
    drop: float | None = None
    is_judged: bool = True
    judged_on: int = 0

    @property
    def artefact(self) -> Artefact:
        """Its one artefact."""
        return self.contents.artefacts[0]

    @property
    def baseline(self) -> BaselineArtefact:
        """The same, as quantisation takes it."""
        record = self.contents.tokenizer
        text = TextEncoder.from_file(self.directory / record.file, record)
        return BaselineArtefact(self.directory, self.artefact, self.contents, text)

    @cached_property
    def bundle(self) -> Bundle:
        """The same, as the runtime loads it."""
        return Bundle(self.directory, self.contents.listing(file_records(self.files)))


class CandidateSource(Protocol):
    """Where candidates in floating point come from: a checkpoint, or a bundle.

    Attributes:
        record: what all its candidates share.
        text: the tokenizer.
        canaries: torch's answers to a few requests, for the winner's bundle.
        output: where the winner goes unless the options say otherwise.
        notes: what was assumed.
    """

    record: ModelRecord
    text: TextEncoder
    canaries: tuple[Canary, ...]
    output: Path
    notes: tuple[str, ...]

    def missing(self, plan: CandidatePlan) -> str:
        """Why it cannot be made of this; empty where it can."""

    def make(self, plan: CandidatePlan) -> Candidate:
        """Make a plan that is not int8, through all its gates.

        Raises:
            BertError: it does not pass.
        """
