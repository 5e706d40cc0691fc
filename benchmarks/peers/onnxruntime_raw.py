"""The baseline: `torch.onnx.export(dynamo=True)`, then ONNX Runtime with its own graph optimisations."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.peer import Run, Stall, inputs_of, ort_run, ort_session, torch_model


@dataclass(frozen=True)
class OnnxRuntimeRaw:
    """The exported graph as it is."""

    name: str = "ONNX Runtime, raw export"

    @property
    def version(self) -> str:
        """See Peer."""
        return " ".join(importlib.metadata.version(name) for name in ("torch", "transformers", "onnxscript"))

    def build(self, stall: Stall) -> None:
        """See Peer."""
        export_raw(stall, stall.folder / "model.onnx")

    def load(self, stall: Stall, threads: int) -> Run:
        """See Peer."""
        return ort_run(ort_session(stall.folder / "model.onnx", threads), stall.model)


def export_raw(stall: Stall, path: Path) -> None:
    """Export the class in transformers with dynamic batch and sequence, as the documentation of torch shows it."""
    import torch  # noqa: PLC0415

    names = inputs_of(stall.model)
    example: dict[str, Any] = {name: torch.ones(2, 16, dtype=torch.int64) for name in names}
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("sequence")}
    with torch.inference_mode():
        torch.onnx.export(
            torch_model(stall),
            (),
            str(path),
            kwargs=example,
            input_names=list(names),
            dynamo=True,
            dynamic_shapes=dict.fromkeys(names, axes),
            external_data=False,
        )
