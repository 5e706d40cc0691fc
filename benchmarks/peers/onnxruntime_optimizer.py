"""`onnxruntime.transformers.optimizer.optimize_model` on the raw export: the field's usual next step."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass

from benchmarks.peers.onnxruntime_raw import export_raw
from benchmarks.peers.peer import Run, Stall, ort_run, ort_session
from benchmarks.workload import SIZES


@dataclass(frozen=True)
class OnnxRuntimeOptimizer:
    """The graph that the optimizer makes of the raw export."""

    name: str = "ONNX Runtime, optimize_model"

    @property
    def version(self) -> str:
        """See Peer."""
        packages = ("torch", "transformers", "onnxscript", "onnxruntime")
        return " ".join(importlib.metadata.version(name) for name in packages)

    def build(self, stall: Stall) -> None:
        """See Peer."""
        from onnxruntime.transformers.fusion_options import FusionOptions  # noqa: PLC0415
        from onnxruntime.transformers.optimizer import optimize_model  # noqa: PLC0415

        raw, size = stall.folder / "raw.onnx", SIZES[stall.model.size]
        export_raw(stall, raw)
        options = FusionOptions("bert")
        options.use_raw_attention_mask(True)  # its default mask is wrong for padding that is not on the right
        optimized = optimize_model(str(raw), "bert", size.heads, size.hidden, optimization_options=options)
        optimized.save_model_to_file(str(stall.folder / "model.onnx"))
        raw.unlink()

    def load(self, stall: Stall, threads: int) -> Run:
        """See Peer."""
        return ort_run(ort_session(stall.folder / "model.onnx", threads), stall.model)
