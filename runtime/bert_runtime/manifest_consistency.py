"""What no single field of a manifest can show: rules 15 to 18 and 38 of BUNDLE.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import TypeVar

from bert_runtime.errors import Problem
from bert_runtime.format_version import version_problems
from bert_runtime.manifest import Artefact, Graph, Manifest

Item = TypeVar("Item", bound=Hashable)


def contradictions(manifest: Manifest, own_name: str) -> list[str]:
    """Names that clash, files that are named but not listed; `own_name` is the manifest's, which no file may have."""
    graphs = {
        f"artefacts[{i}]{_place(artefact, graph)}": graph
        for i, artefact in enumerate(manifest.artefacts)
        for graph in artefact.graphs
    }
    named: dict[str, tuple[str, ...]] = {"tokenizer.file": (manifest.tokenizer.file,)}
    for where, graph in graphs.items():
        named |= {f"{where}.file": (graph.file,), f"{where}.data": graph.data}
    problems: list[str] = [
        Problem("unlisted-file", where, f"{where} names {name!r}, which is not listed under files")
        for where, names in named.items()
        for name in names
        if name not in manifest.files
    ]
    problems += [
        Problem(
            "repeated-name",
            "files",
            f"files: {name!r} differs from another name at most in case, expected distinct names",
        )
        for name in _repeated([own_name, *(name.lower() for name in manifest.files)])
    ]
    problems += version_problems(manifest)
    problems += _clashing_artefacts(manifest)
    for where, graph in graphs.items():
        tensors = [tensor.name for tensor in graph.inputs + graph.outputs]
        problems += [
            Problem("repeated-name", where, f"{where}: two tensors are named {name!r}, expected one")
            for name in _repeated(tensors)
        ]
        problems += [
            Problem("repeated-name", f"{where}.data", f"{where}.data lists {name!r} twice, expected once")
            for name in _repeated(graph.data)
        ]
    return problems


def _place(artefact: Artefact, graph: Graph) -> str:
    """Of a graph in its artefact."""
    return (
        ".cross_kv_graph"
        if graph is artefact.cross_kv_graph
        else ".sequence_packing"
        if graph is artefact.sequence_packing
        else ""
    )


def _clashing_artefacts(manifest: Manifest) -> list[str]:
    """Artefacts that no call could choose between, or that would answer it in two ways."""
    pairs = _repeated((artefact.target, artefact.mask) for artefact in manifest.artefacts)
    problems: list[str] = [
        Problem(
            "contradiction",
            "artefacts",
            f"artefacts: two are for the target {target} and the mask {mask}, expected one",
        )
        for target, mask in pairs
    ]
    ways = dict.fromkeys((artefact.target, artefact.precision, artefact.plain) for artefact in manifest.artefacts)
    problems += [
        Problem(
            "contradiction",
            "artefacts",
            f"artefacts: those for the target {target} differ in more than mask and file, expected one "
            "precision, and all "
            "or none plain",
        )
        for target in _repeated(target for target, _, _ in ways)
    ]
    return problems


def _repeated(items: Iterable[Item]) -> list[Item]:
    return [item for item, count in Counter(items).items() if count > 1]
