"""The second artefact for a GPU: it answers right-padded masks alone, which are what the fastest kernels take."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import onnx_ir as ir

from bert_export.passes.gate import Network, check_key_lengths, count_fusions
from bert_export.passes.key_lengths import key_lengths
from bert_export.passes.save import save
from bert_export.precision.emulate import emulated
from bert_export.verify import Parity
from bert_export.workshop import Made, Workshop
from bert_runtime.manifest import Artefact

CONTRACT = "right_padded"
TARGETS = ("cuda",)
"""The targets whose kernels are faster for such masks."""

Prove = Callable[[Artefact, bool], Parity]
"""(artefact, whether to sweep) -> what the parity gate found."""


def shares_weights(target: str, masks: str) -> bool:
    """Whether two artefacts will read the same weights, so that these go into a file of their own."""
    return target in TARGETS and masks == "both"


def by_masks(made: Made, network: Network, workshop: Workshop, prove: Prove) -> tuple[Made, ...]:
    """What goes into the bundle of an artefact for any mask: itself, the one for right-padded masks, or both.

    Raises:
        GateError: an attention kept the raw mask, or the new artefact does not answer right-padded masks as torch does.
    """
    if made.artefact.target not in TARGETS or workshop.masks == "any":
        return (made,)
    folder = workshop.folder
    with workshop.stages.stage("fuse"):
        graph = ir.load(folder / made.artefact.file)
        check_key_lengths(key_lengths(graph), network)
        file = made.artefact.file if workshop.masks == CONTRACT else f"{Path(made.artefact.file).stem}.{CONTRACT}.onnx"
        ir.save(graph, folder / file)  # the weights stay where they are: in this file, or in that of both
    artefact = dataclasses.replace(made.artefact, mask=CONTRACT, file=file)
    with workshop.stages.stage("verify"):
        parity = _proven(graph, artefact, folder, prove)
    files = {name: folder / name for name in (file, *artefact.data)}
    report = dataclasses.replace(made.report, fusions=dict(sorted(count_fusions(graph).items())), parity=parity)
    twin = dataclasses.replace(made, artefact=artefact, files=files, report=report)
    return (twin,) if workshop.masks == CONTRACT else (made, twin)


def _proven(graph: ir.Model, artefact: Artefact, folder: Path, prove: Prove) -> Parity:
    """As the artefact for any mask was proven: half precision where it really rounds."""
    if artefact.precision != "fp16":
        return prove(artefact, True)
    stand_in = save(emulated(graph), folder / f"emulated.{CONTRACT}.onnx")
    parity = prove(dataclasses.replace(artefact, file=stand_in[0], data=tuple(stand_in[1:])), True)
    prove(artefact, False)
    return parity
