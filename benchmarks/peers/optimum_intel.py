"""optimum-intel: OpenVINO in fp32 and bf16, and NNCF's int8 with its defaults for transformers; its own environment."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.environments import OPTIMUM_INTEL
from benchmarks.peers.optimum_onnxruntime import without_hub
from benchmarks.peers.peer import Run, Stall, inputs_of, masked
from benchmarks.workload import VOCABULARY, Feeds

CLASSES = {
    "question-answering": "OVModelForQuestionAnswering",
    "text-classification": "OVModelForSequenceClassification",
    "fill-mask": "OVModelForMaskedLM",
}
HINTS = {"fp32": "f32", "bf16": "bf16", "int8": "bf16"}
"""Precision -> the arithmetic of what is not quantised. bf16 is OpenVINO's own default on a CPU that has it."""


@dataclass(frozen=True)
class OptimumIntel:
    """OVModelFor*; int8 is static, smoothed (NNCF's model type "transformer"), from 128 samples of random ids."""

    name: str
    precision: str

    @property
    def version(self) -> str:
        """See Peer."""
        return OPTIMUM_INTEL.version

    def build(self, stall: Stall) -> None:
        """See Peer."""
        without_hub()
        intel: Any = importlib.import_module("optimum.intel")
        kind = getattr(intel, CLASSES[stall.model.task])
        # compress or quantise nothing unasked: load_in_8bit is on by default for large models
        model = kind.from_pretrained(str(stall.checkpoint), export=True, compile=False, load_in_8bit=False)
        if self.precision != "int8":
            model.save_pretrained(stall.folder)
            return
        data = importlib.import_module("nncf").Dataset(_samples(128))
        config = intel.OVConfig(quantization_config=intel.OVQuantizationConfig())
        quantizer = intel.OVQuantizer.from_pretrained(model)
        quantizer.quantize(calibration_dataset=data, save_directory=stall.folder, ov_config=config)

    def load(self, stall: Stall, threads: int) -> Run:
        """See Peer."""
        without_hub()
        intel: Any = importlib.import_module("optimum.intel")
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _supported(HINTS[self.precision]),
            "INFERENCE_NUM_THREADS": threads,
        }
        model = getattr(intel, CLASSES[stall.model.task]).from_pretrained(str(stall.folder), ov_config=settings)

        def run(feeds: Feeds) -> list[NDArray[np.float32]]:
            answer = model(**{name: feeds[name] for name in inputs_of(stall.model)})
            outputs: list[NDArray[np.float32]] = list(answer.values())
            return [masked(outputs[0], feeds)] if stall.model.task == "fill-mask" else outputs

        return run


def _supported(hint: str) -> str:
    openvino: Any = importlib.import_module("openvino")
    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return hint if hint == "f32" or "BF16" in capabilities else "f32"


def _samples(count: int) -> list[dict[str, Any]]:
    """Random ids in lengths of 16 to 128: with random weights, ranges of real texts would be no better."""
    torch: Any = importlib.import_module("torch")
    random = np.random.default_rng(0)
    ids = [torch.from_numpy(random.integers(1000, VOCABULARY, (1, n))) for n in random.integers(16, 129, count)]
    return [
        {"input_ids": row, "attention_mask": torch.ones_like(row), "token_type_ids": torch.zeros_like(row)}
        for row in ids
    ]
