"""A pruned network of a verified fp32 artefact: searched, sliced, and held to an accuracy constraint. No torch here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert_calibration.accuracy import Accuracy
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.config import QuantizationConfig
from bert_calibration.held_out import MOST_FITTING
from bert_calibration.pruning.picture import pareto
from bert_calibration.pruning.prune import Pruning, prune
from bert_calibration.pruning.search import PruningError
from bert_calibration.pruning.slicing import remove_dead
from bert_calibration.pruning.trying import Pruner, ranged
from bert_calibration.pruning.walk import apply
from bert_calibration.pruning.widths import LayerWidths, to_json
from bert_calibration.quantize import Evidence
from bert_calibration.samples import read_samples
from bert_export.errors import GateError, OptionError
from bert_export.judged import Judged
from bert_export.same_outputs import check_same
from bert_export.saving import save
from bert_runtime.backends.select import start
from bert_runtime.bundle import Bundle
from bert_runtime.cpus import available_cpus
from bert_runtime.manifest import Artefact, Contents
from bert_runtime.targets import CPU, OPENVINO, PORTABLE

KEY = "pruning"
"""Of `provenance`: what is left of each layer; of `quality`: what was tried."""

PICTURE = "pruning.svg"
SEARCHABLE = (CPU.name, OPENVINO.name, PORTABLE.name)
"""The targets whose graphs are cut at their layer normalisations."""

SEARCHED_IN = {"fp16": "fp32"}
"""Precision -> the one that points are made and judged in, where only a GPU computes the first."""


@dataclass(frozen=True)
class Pruned:
    """A pruned network, and what judges every artefact of it.

    Attributes:
        original: the whole network's fp32 artefact.
        pruning: what was found.
        judged: the samples, and the whole network's answers.
    """

    original: BaselineArtefact
    pruning: Pruning
    judged: Judged

    @property
    def report(self) -> dict[str, Any]:
        """For people, and for `quality`."""
        return {
            **self.pruning.to_json(),
            "fitted_on": len(self.judged.calibration),
            "judged_on": len(self.judged.requests),
        }

    def files(self, folder: Path) -> dict[str, Path]:
        """The picture of what was tried."""
        path = folder / PICTURE
        path.write_text(pareto(self.pruning), "utf-8")
        return {PICTURE: path}

    def check(self, folder: Path, artefact: Artefact, config: QuantizationConfig) -> Accuracy:
        """The verdict on a floating point artefact of the pruned network.

        Raises:
            GateError: it loses more than the constraint allows.
        """
        engine = start(folder, artefact, available_cpus())
        try:
            answers = self.original.answers(engine, self.judged.asked)
        finally:
            engine.close()
        drop = self.judged.drop(answers, self.judged.reference)
        accuracy = config.constraint.judged(drop)
        if not config.constraint.allows(drop):
            raise GateError(f"{accuracy}. No bundle was written: allow more with --max-drop, or prune less: --speedup")
        return accuracy


def prune_network(
    original: BaselineArtefact, precision: str, config: QuantizationConfig, speedup: float | None, folder: Path
) -> Pruned:
    """Search the pruned network of an fp32 artefact.

    Args:
        original: an artefact whose graph is cut at its layer normalisations: for cpu, openvino or portable.
        precision: that the pruned artefact will have.
        folder: a temporary one.

    Raises:
        GateError: the samples are too few to tell, or no point is fast enough within the constraint, with the table.
        CalibrationError, QuantizationError, InputError: the graph, the head or the data are no basis.
    """
    check_whole(original)
    judged = judged_on(original, config)
    judged.check_enough(config.constraint)
    evidence = Evidence(judged.calibration, judged.asked, judged.drop, judged.reference)
    pruner = Pruner(original, SEARCHED_IN.get(precision, precision), config, evidence, folder)
    try:
        found = prune(pruner, speedup)
    except PruningError as error:
        raise GateError(str(error)) from error
    return Pruned(original, found, judged)


def judged_on(original: BaselineArtefact, config: QuantizationConfig) -> Judged:
    """Half of the samples fit, MOST_FITTING at most; the others judge."""
    assert config.calibrate is not None  # the options were checked
    samples = read_samples(config.calibrate, original.task, original.record.settings, original.text, config.limit)
    return Judged.of(original, samples, max_drop=config.max_drop, most=MOST_FITTING)


def for_ranges(judged: Judged) -> Judged:
    """The same samples judge, against the whole network, and fewer of the others take ranges."""
    fewer = dataclasses.replace(judged, calibration=ranged(judged.calibration))
    vars(fewer)["answers"] = judged.answers  # known already
    return fewer


def check_whole(original: BaselineArtefact) -> None:
    """Pass, or refuse what was pruned already.

    Raises:
        OptionError: it was.
    """
    record = original.record
    if isinstance(record, Contents) and KEY in record.provenance:
        raise OptionError(
            f"{original.directory} holds a pruned network already, expected a whole one: its accuracy would be judged "
            "against what pruning left; prune the bundle or the checkpoint that it was made of"
        )


def sliced(original: BaselineArtefact, pruning: Pruning, folder: Path) -> BaselineArtefact:
    """The pruned network's fp32 artefact for the target of `original`, in a folder of its own.

    Raises:
        GateError: the sliced graph does not give what the same weights give unsliced.
    """
    folder.mkdir()
    graph = original.graph()
    apply(graph, pruning.masks)
    masked = save(graph, folder / "masked.onnx")
    remove_dead(graph)
    written = save(graph, folder / original.artefact.file)
    whole = _of(original, folder, masked)
    made = _of(original, folder, written)
    check_same(whole, made)
    for name in masked:
        (folder / name).unlink()
    return made


def _of(original: BaselineArtefact, folder: Path, written: Sequence[str]) -> BaselineArtefact:
    artefact = dataclasses.replace(original.artefact, file=written[0], data=tuple(written[1:]), sequence_packing=None)
    return dataclasses.replace(original, directory=folder, artefact=artefact)


def searchable(bundle: Bundle, target: str) -> BaselineArtefact:
    """The fp32 artefact that a pruned network is searched on: the target's own, or that of another target, where its
    own graph hides its layer normalisations or has no engine here.

    Raises:
        QuantizationError: the bundle holds no fp32 artefact for any of SEARCHABLE.
    """
    held = [each.target for each in bundle.manifest.artefacts if each.precision == "fp32"]
    order = [target, *SEARCHABLE] if target in SEARCHABLE else SEARCHABLE
    return BaselineArtefact.of(bundle, next((name for name in order if name in held), order[0]))


def provenance_of(layers: Sequence[LayerWidths]) -> dict[str, Any]:
    """What `provenance` says of a network with fewer structures; empty for a whole one."""
    return {} if all(layer.is_whole for layer in layers) else {KEY: {"layers": to_json(layers)}}


def told_of(contents: Contents, pruned: Pruned, verdicts: Mapping[str, Accuracy]) -> Contents:
    """A bundle's contents with what is left, what was tried, and the verdict on each target's floating point."""
    told = {"targets": {target: accuracy.to_json() for target, accuracy in verdicts.items()}} if verdicts else {}
    return dataclasses.replace(
        contents,
        provenance={**contents.provenance, **provenance_of(pruned.pruning.layers)},
        quality={**(contents.quality or {}), KEY: {**pruned.report, **told}},
    )
