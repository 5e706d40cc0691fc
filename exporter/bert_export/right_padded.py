"""The second artefact for a GPU: it answers right-padded masks alone, which are what the fastest kernels take."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import onnx_ir as ir

from bert_export.attention_masks import RIGHT_PADDED_TARGETS
from bert_export.context import ExportContext, Made
from bert_export.passes.fusion_gate import Network, check_key_lengths, check_packed, count_fusions
from bert_export.passes.key_lengths import key_lengths
from bert_export.passes.key_ranges import key_ranges
from bert_export.passes.remove_padding import remove_padding
from bert_export.precision.emulate import emulated
from bert_export.saving import save
from bert_export.verify import Parity
from bert_export.verify.padding_removal import PackedEngine, check_schemas
from bert_runtime.backends.engine import Engine
from bert_runtime.backends.select import start
from bert_runtime.manifest import RIGHT_PADDED, Artefact

Start = Callable[[Path, Artefact, int], Engine]
"""(folder, artefact, threads) -> the engine that stands in for a GPU's."""

Prove = Callable[[Artefact, bool, Start], Parity]
"""(artefact, whether to sweep, its engine) -> what the parity gate found."""


def by_masks(made: Made, network: Network, context: ExportContext, prove: Prove) -> tuple[Made, ...]:
    """What goes into the bundle of an artefact for any mask: itself, the one for right-padded masks, or both.

    Raises:
        GateError: an attention kept the raw mask or its padding, or the new artefact does not answer right-padded masks
            as torch does.
    """
    if made.artefact.target not in RIGHT_PADDED_TARGETS or context.masks == "any":
        return (made,)
    folder, is_alone = context.folder, context.masks == RIGHT_PADDED
    file = made.artefact.file if is_alone else f"{Path(made.artefact.file).stem}.{RIGHT_PADDED}.onnx"
    with context.stages.stage("fuse"):
        graph = ir.load(folder / made.artefact.file)
        check_key_lengths(key_lengths(graph), network)
        if not context.remove_padding:
            check_key_lengths(key_ranges(graph), network)
        else:
            remove_padding(graph)
            check_packed(graph, network)
        ir.save(graph, folder / file)  # the weights stay where they are: in this file, or in that of both
        if context.remove_padding:
            check_schemas(folder / file)
    artefact = dataclasses.replace(made.artefact, mask=RIGHT_PADDED, file=file)
    with context.stages.stage("verify"):
        parity = _proven(graph, artefact, context, prove)
    files = {name: folder / name for name in (file, *artefact.data)}
    report = dataclasses.replace(made.report, fusions=dict(sorted(count_fusions(graph).items())), parity=parity)
    twin = dataclasses.replace(made, artefact=artefact, files=files, report=report)
    return (twin,) if is_alone else (made, twin)


def _proven(graph: ir.Model, artefact: Artefact, context: ExportContext, prove: Prove) -> Parity:
    """As the artefact for any mask was proven: half precision where it really rounds."""
    engine = _packed if context.remove_padding else start
    if artefact.precision != "fp16":
        return prove(artefact, True, engine)
    stand_in = save(emulated(graph), context.folder / f"emulated.{RIGHT_PADDED}.onnx")
    parity = prove(dataclasses.replace(artefact, file=stand_in[0], data=tuple(stand_in[1:])), True, engine)
    prove(artefact, False, engine)
    return parity


def _packed(folder: Path, artefact: Artefact, threads: int) -> Engine:
    return PackedEngine(folder / artefact.file, threads)
