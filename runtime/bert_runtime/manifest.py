"""What a bundle says of itself: `manifest.json` as frozen dataclasses. BUNDLE.md is the specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from bert_runtime.format_version import FIRST, NEWEST, version_needed
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.tensors import TensorSpec
from bert_runtime.tokenizer_record import TokenizerRecord

FORMAT = "bert-export-bundle"
VERSION, OLDEST = NEWEST, FIRST
"""The newest version of the format, and the oldest that is read."""

RIGHT_PADDED = "right_padded"
"""The contract of a graph that answers masks of ones, then zeros, and no other mask right."""

KEY_RANGES = "key_ranges"
"""An input that such a graph may have beside the manifest's, int64 of shape (1,), with 0 as its default: how many
numbers of where rows begin follow the lengths in its attentions' masks. A GPU without kernels for lengths wants all."""


@dataclass(frozen=True)
class Graph:
    """One ONNX file: its name in the bundle, its external data files, and its tensors in order; see Artefact."""

    file: str
    data: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True)
class Artefact:
    """One graph for one kind of engine; of a decoder that reads an encoder two, and two where texts can share a row.

    Attributes:
        target: cpu, cuda, tensorrt, openvino or portable.
        precision: fp32, fp16, bf16 or int8.
        file: the ONNX file's name in the bundle; `data` are its external data files.
        inputs, outputs: the graph's tensors, in order, with dtypes and named axes.
        mask: which attention masks the graph answers right: any, or right_padded.
        opset: the version of the default ONNX operator set.
        plain: whether the signature is exactly that of the class in transformers.
        cross_kv_graph: the graph that turns an encoder's states into inputs of this one, once for each text that the
            encoder read; None where the model reads no encoder. `mask`, `opset` and `plain` are of both.
        sequence_packing: the graph that gives the same answers for several texts in each row; None where there is none.
            `opset` is of both.
    """

    target: str
    precision: str
    file: str
    data: tuple[str, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    mask: str
    opset: int
    plain: bool
    cross_kv_graph: Graph | None = None
    sequence_packing: Graph | None = None

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """The artefact's own graph, and those of the source and of sequence packing where there are any."""
        own = Graph(self.file, self.data, self.inputs, self.outputs)
        return (own, *(graph for graph in (self.cross_kv_graph, self.sequence_packing) if graph is not None))

    @property
    def files(self) -> tuple[str, ...]:
        """The files of all its graphs, each once."""
        return tuple(dict.fromkeys(name for graph in self.graphs for name in (graph.file, *graph.data)))

    @property
    def cross_kv_artefact(self) -> Artefact | None:
        """The source's graph as an artefact of its own, for an engine to load."""
        return None if self.cross_kv_graph is None else self._of(self.cross_kv_graph)

    @property
    def packed_artefact(self) -> Artefact | None:
        """The graph for sequence packing as an artefact of its own, for an engine to load."""
        return None if self.sequence_packing is None else self._of(self.sequence_packing)

    def _of(self, graph: Graph) -> Artefact:
        own = replace(self, file=graph.file, data=graph.data, inputs=graph.inputs, outputs=graph.outputs)
        return replace(own, cross_kv_graph=None, sequence_packing=None)


@dataclass(frozen=True)
class TargetArtefacts:
    """What a bundle holds for a target.

    Attributes:
        artefact: the only one, or of two the one that answers any mask.
        right_padded: the other of two, which answers right-padded masks alone, and those faster.
    """

    artefact: Artefact
    right_padded: Artefact | None = None


@dataclass(frozen=True)
class FileRecord:
    """The size in bytes and the SHA-256 (hexadecimal) of one file of the bundle."""

    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """What every artefact of a model shares: enough to encode texts for it and to decode its outputs.

    Attributes:
        task: the task's name.
        settings: labels and whatever else the head needs.
        sizes: axes that belong to the checkpoint (hidden, vocabulary, labels, ...) -> their size.
        tokenizer: the tokenizer's record, with the longest text.
    """

    task: str
    settings: HeadSettings
    sizes: Mapping[str, int]
    tokenizer: TokenizerRecord


@dataclass(frozen=True, kw_only=True)
class Contents(ModelRecord):
    """What a bundle says of itself before its files are written.

    Attributes:
        artefacts: at least one.
        provenance, verification, quality: reports of the export, for people and programs; no answer needs them.
    """

    artefacts: tuple[Artefact, ...]
    provenance: Mapping[str, Any]
    verification: Mapping[str, Any]
    quality: Mapping[str, Any] | None = None

    @property
    def by_target(self) -> dict[str, TargetArtefacts]:
        """Target -> its artefacts, in the manifest's order of targets."""
        found: dict[str, TargetArtefacts] = {}
        for artefact in self.artefacts:
            other = found.get(artefact.target)
            if other is None:
                found[artefact.target] = TargetArtefacts(artefact)
            elif artefact.mask == RIGHT_PADDED:
                found[artefact.target] = TargetArtefacts(other.artefact, artefact)
            else:
                found[artefact.target] = TargetArtefacts(artefact, other.artefact)
        return found

    def listing(self, files: Mapping[str, FileRecord]) -> Manifest:
        """The manifest of the bundle that holds these files."""
        own = {each.name: getattr(self, each.name) for each in fields(Contents)}
        return Manifest(**own, version=version_needed(self), files=files)


@dataclass(frozen=True, kw_only=True)
class Manifest(Contents):
    """The whole of `manifest.json`.

    Attributes:
        version: the format's version.
        files: every file of the bundle but the manifest itself.
    """

    version: int
    files: Mapping[str, FileRecord]
