"""What a bundle is: its manifest without what only programs read."""

from __future__ import annotations

from collections.abc import Sequence

from bert_runtime.bundle import Bundle
from bert_runtime.manifest import Artefact
from bert_runtime.record_writers import Json, to_json
from bert_runtime.tasks.activation import activation_of
from bert_runtime.tasks.tensors import TensorSpec


def describe(bundle: Bundle) -> dict[str, Json]:
    """Task, labels, artefacts, provenance and the reports of the export."""
    manifest = bundle.manifest
    stated = vars(manifest.settings) | {"activation": activation_of(manifest.settings)}
    settings = {name: value for name, value in stated.items() if value not in (None, (), {})}
    reports = {
        "provenance": manifest.provenance,
        "verification": manifest.verification,
        "quality": manifest.quality,
    }
    return {
        "directory": str(bundle.directory),
        "task": manifest.task,
        "format": manifest.version,
        **{name: to_json(value) for name, value in settings.items()},
        "max_length": manifest.tokenizer.max_length,
        "megabytes": round(sum(record.size for record in manifest.files.values()) / 1e6, 1),
        "artefacts": [_artefact(artefact) for artefact in manifest.artefacts],
        **{name: to_json(report) for name, report in reports.items() if report is not None},
    }


def _artefact(artefact: Artefact) -> dict[str, Json]:
    source = artefact.cross_kv_graph
    return {
        "target": artefact.target,
        "precision": artefact.precision,
        "file": artefact.file,
        "masks": artefact.mask,
        "opset": artefact.opset,
        "inputs": _tensors(artefact.inputs),
        "outputs": _tensors(artefact.outputs),
        **({"cross_kv_graph": source.file, "cross_kv_inputs": _tensors(source.inputs)} if source is not None else {}),
        **({"sequence_packing": artefact.sequence_packing.file} if artefact.sequence_packing is not None else {}),
    }


def _tensors(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"{spec.name} ({', '.join(spec.axes)})" for spec in specs)
