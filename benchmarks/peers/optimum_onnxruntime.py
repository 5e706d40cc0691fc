"""Optimum with ONNX Runtime, as its documentation optimises and quantises a checkpoint; its own environment."""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.environments import OPTIMUM
from benchmarks.machine import this_machine
from benchmarks.peers.peer import Run, Stall, inputs_of, masked
from benchmarks.workload import Feeds

CLASSES = {
    "question-answering": "ORTModelForQuestionAnswering",
    "text-classification": "ORTModelForSequenceClassification",
    "token-classification": "ORTModelForTokenClassification",
    "multiple-choice": "ORTModelForMultipleChoice",
    "feature-extraction": "ORTModelForFeatureExtraction",
    "fill-mask": "ORTModelForMaskedLM",
}
"""Task -> Optimum's class for it."""
FILES = {"O2": "model_optimized.onnx", "quantised": "model_quantized.onnx"}


@dataclass(frozen=True)
class OptimumOnnxRuntime:
    """ORTModelFor*; `step` is what follows the export: O2 (fp32) or quantised (dynamic int8)."""

    name: str
    step: str

    @property
    def version(self) -> str:
        """See Peer."""
        return OPTIMUM.version

    def build(self, stall: Stall) -> None:
        """See Peer."""
        without_hub()
        ort: Any = importlib.import_module("optimum.onnxruntime")
        exported, kind = stall.folder / "exported", getattr(ort, CLASSES[stall.model.task])
        kind.from_pretrained(stall.checkpoint, export=True).save_pretrained(exported)
        if self.step == "O2":
            optimizer = ort.ORTOptimizer.from_pretrained(kind.from_pretrained(exported))
            optimizer.optimize(ort.AutoOptimizationConfig.O2(), save_dir=stall.folder)
            return
        configs = ort.AutoQuantizationConfig
        config = configs.avx512_vnni if "avx512_vnni" in this_machine().isa else configs.avx2
        quantizer = ort.ORTQuantizer.from_pretrained(kind.from_pretrained(exported))
        quantizer.quantize(save_dir=stall.folder, quantization_config=config(is_static=False, per_channel=False))

    def load(self, stall: Stall, threads: int) -> Run:
        """See Peer."""
        model = self.model(stall, threads)

        def run(feeds: Feeds) -> list[NDArray[np.float32]]:
            answer = model(**{name: feeds[name] for name in inputs_of(stall.model)})
            outputs: list[NDArray[np.float32]] = list(answer.values())
            return [masked(outputs[0], feeds)] if stall.model.task == "fill-mask" else outputs

        return run

    def model(self, stall: Stall, threads: int) -> Any:
        """The loaded ORTModel."""
        without_hub()
        ort: Any = importlib.import_module("optimum.onnxruntime")
        options = importlib.import_module("onnxruntime").SessionOptions()
        options.intra_op_num_threads = threads
        kind = getattr(ort, CLASSES[stall.model.task])
        return kind.from_pretrained(stall.folder, file_name=FILES[self.step], session_options=options)


def without_hub() -> None:
    """Everything here is read from disk: no library shall ask a hub whether it has something newer."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
