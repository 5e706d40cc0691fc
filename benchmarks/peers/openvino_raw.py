"""OpenVINO on the raw `torch.onnx.export`, as its documentation and optimum-intel run a model."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.onnxruntime_raw import export_raw
from benchmarks.peers.peer import Run, Stall, masked
from benchmarks.workload import Feeds


@dataclass(frozen=True)
class OpenVinoRaw:
    """The exported graph as it is; `hint` is the arithmetic that OpenVINO is asked for."""

    name: str = "OpenVINO, raw export"
    hint: str = "f32"

    @property
    def version(self) -> str:
        """See Peer."""
        packages = ("torch", "transformers", "onnxscript", "openvino")
        return " ".join(importlib.metadata.version(name) for name in packages)

    def build(self, stall: Stall) -> None:
        """See Peer."""
        export_raw(stall, stall.folder / "model.onnx")

    def load(self, stall: Stall, threads: int) -> Run:
        """The settings of its latency guide, and one request that is used again and again."""
        from bert_runtime.backends.openvino import import_openvino  # noqa: PLC0415 - in the peer's own process

        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": self.hint,
            "INFERENCE_NUM_THREADS": threads,
        }
        compiled: Any = import_openvino().Core().compile_model(str(stall.folder / "model.onnx"), "CPU", settings)
        request = compiled.create_infer_request()
        names = [value.get_any_name() for value in compiled.inputs]

        def run(feeds: Feeds) -> list[NDArray[np.float32]]:
            answer = request.infer({name: feeds[name] for name in names}, share_inputs=True)
            outputs: list[NDArray[np.float32]] = list(answer.values())
            return [masked(outputs[0], feeds)] if stall.model.task == "fill-mask" else outputs

        return run
