"""Where artefacts are made, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bert_calibration.accuracy import Accuracy
from bert_calibration.config import QuantizationConfig
from bert_calibration.pruning.widths import LayerWidths
from bert_export.cross_kv_graph import WrittenGraph
from bert_export.progress import Stages
from bert_export.pruned import Pruned
from bert_export.report import ArtefactReport
from bert_export.tensorrt.profile import Bounds, Profile
from bert_export.verify.reference import Reference
from bert_runtime.manifest import Artefact


@dataclass(frozen=True)
class Made:
    """An artefact on disk, before the bundle is written.

    Attributes:
        sizes: of its fixed axes.
        profile: of its engine, if the engine has to be built.
        layers: what is left of each layer; empty for a decoder.
        accuracy: the verdict on a pruned network in floating point; else None.
    """

    artefact: Artefact
    files: Mapping[str, Path]
    sizes: Mapping[str, int]
    report: ArtefactReport
    profile: Profile | None = None
    layers: tuple[LayerWidths, ...] = ()
    accuracy: Accuracy | None = None


@dataclass(frozen=True)
class ExportContext:
    """Where artefacts are made.

    Attributes:
        folder: a temporary one.
        stages: their clock.
        plain: whether signatures stay plain.
        quantization: how int8 is made.
        cross_kv_graph: of a decoder that reads an encoder, the graph that reads the source; every artefact has it.
        profile: the axes of an engine's profile that were asked for.
        reference: torch, which every artefact is compared with.
        pruned: the pruned network whose artefacts are made, and what judges them; None for a whole one.
        masks, remove_padding: which artefacts a target gets whose kernels for right-padded masks are faster; see
            ExportOptions.
    """

    folder: Path
    stages: Stages
    plain: bool
    quantization: QuantizationConfig
    cross_kv_graph: WrittenGraph | None
    profile: Mapping[str, Bounds]
    reference: Reference
    pruned: Pruned | None = None
    masks: str = "any"
    remove_padding: bool = False
