"""What most people do for int8: `torch.onnx.export`, then ONNX Runtime's `quantize_dynamic` with its defaults."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.onnxruntime_raw import export_raw
from benchmarks.peers.peer import Run, Stall, ort_run, ort_session


@dataclass(frozen=True)
class OnnxRuntimeDynamic:
    """The raw export with int8 weights, its activations quantised while it runs."""

    name: str = "ONNX Runtime, quantize_dynamic on the raw export"

    @property
    def version(self) -> str:
        """See Peer."""
        packages = ("torch", "transformers", "onnxscript", "onnxruntime")
        return " ".join(importlib.metadata.version(name) for name in packages)

    def build(self, stall: Stall) -> None:
        """See Peer."""
        quantise_raw(stall, stall.folder / "model.onnx")

    def load(self, stall: Stall, threads: int) -> Run:
        """See Peer."""
        return ort_run(ort_session(stall.folder / "model.onnx", threads), stall.model)


def quantise_raw(stall: Stall, path: Path) -> None:
    """Write the quantised raw export to `path`."""
    import onnx  # noqa: PLC0415 - in the peer's own process
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415

    raw = stall.folder / "raw.onnx"
    export_raw(stall, raw)
    graph = onnx.load(raw)
    del graph.graph.value_info[:]  # its shape inference contradicts the exporter's for a transposed Gemm
    onnx.save(graph, raw)
    quantize_dynamic(raw, path, weight_type=QuantType.QInt8)
    raw.unlink()
