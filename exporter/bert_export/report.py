"""The report of an export: one report for each artefact, and one for the whole. No torch here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bert_export.checkpoint.text_gate import TextGateReport
    from bert_export.int8 import Int8Report
    from bert_export.sequence_packing import SharedRowsReport
    from bert_export.tuning.report import Tuning
    from bert_export.verify.report import Check, Parity


@dataclass(frozen=True)
class ArtefactReport:
    """One artefact.

    Attributes:
        fusions: fused operator -> how many of it the graph holds.
        parity: the parity gate's findings; of int8 those of the fp32 graph that it was made of, and None where that
            graph came out of a bundle.
        kept: what stays in single precision in an artefact of half precision; empty where nothing has to.
        kernels: how an engine that fuses by itself ran the graph on this machine, as a sentence; empty for others.
        profile: what an engine of TensorRT is to be built for, as in its file; None for other targets.
        int8: what quantisation did and cost; None for other precisions.
        sequence_packing: what was found of the graph for texts that share a row; None where there is none.
    """

    fusions: Mapping[str, int]
    parity: Parity | None
    kept: str = ""
    kernels: str = ""
    profile: Mapping[str, Any] | None = None
    int8: Int8Report | None = None
    sequence_packing: SharedRowsReport | None = None

    @property
    def checks(self) -> tuple[Check, ...]:
        """The parity gate's comparisons."""
        return () if self.parity is None else self.parity.checks

    def to_manifest(self) -> dict[str, Any]:
        """The bundle's `verification`; quantisation stands under `quality`, a profile in its own file."""
        absent = {"int8", "profile"} | (set() if self.sequence_packing else {"sequence_packing"})
        return {key: value for key, value in dataclasses.asdict(self).items() if key not in absent}


@dataclass(frozen=True)
class ExportReport:
    """What an export made.

    Attributes:
        task: the task's name.
        bundle: the directory.
        size: the bytes of all its files.
        notes: what was assumed about the checkpoint.
        artefacts: one report for each artefact.
        seconds: stage -> wall time.
        engines: the files of engines that were built beside the bundle.
        tuning: what was tried on this machine; None where what to make was asked for.
        text: what the text gate compared; None where the tokenizer came out of a bundle.
        read: file of the checkpoint -> the keys whose values went into the bundle.
        pruning: the points that pruning tried, and the one that is kept, as plain JSON values; None without pruning.
    """

    task: str
    bundle: Path
    size: int
    notes: tuple[str, ...]
    artefacts: tuple[ArtefactReport, ...]
    seconds: Mapping[str, float]
    engines: tuple[Path, ...] = ()
    tuning: Tuning | None = None
    text: TextGateReport | None = None
    read: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pruning: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        places = {"bundle": str(self.bundle), "engines": [str(path) for path in self.engines]}
        return {**dataclasses.asdict(self), **places}
