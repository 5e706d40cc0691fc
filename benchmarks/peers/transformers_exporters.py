"""`transformers.exporters` with `ort_fusions="cpu"`, its graph run by ONNX Runtime without its torch runner."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.peer import Run, Stall, inputs_of, ort_run, ort_session, torch_model


@dataclass(frozen=True)
class TransformersExporters:
    """The graph of OnnxExporter, fused for ONNX Runtime's CPU provider."""

    name: str = "transformers.exporters, ort_fusions"

    @property
    def version(self) -> str:
        """See Peer."""
        return " ".join(importlib.metadata.version(name) for name in ("torch", "transformers", "onnxscript"))

    def build(self, stall: Stall) -> None:
        """See Peer."""
        import torch  # noqa: PLC0415
        from transformers.exporters.configs import OnnxConfig  # noqa: PLC0415
        from transformers.exporters.exporter_onnx import OnnxExporter  # noqa: PLC0415

        example: dict[str, Any] = {name: torch.ones(2, 16, dtype=torch.int64) for name in inputs_of(stall.model)}
        exporter = OnnxExporter()  # type: ignore[no-untyped-call]
        exported = exporter.export(torch_model(stall), example, OnnxConfig(dynamic=True, ort_fusions="cpu"))
        exported.save_pretrained(stall.folder)

    def load(self, stall: Stall, threads: int) -> Run:
        """See Peer."""
        return ort_run(ort_session(stall.folder / "model.onnx", threads), stall.model)
