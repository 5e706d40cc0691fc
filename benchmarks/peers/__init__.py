"""The peers of the race, by the names that the command line and the results use; adding one is a file and a line."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.environments import CTRANSLATE2, OPTIMUM, OPTIMUM_INTEL, Environment
from benchmarks.peers.bert_export import BertExport
from benchmarks.peers.ctranslate2_int8 import CTranslate2
from benchmarks.peers.onnxruntime_dynamic import OnnxRuntimeDynamic
from benchmarks.peers.onnxruntime_optimizer import OnnxRuntimeOptimizer
from benchmarks.peers.onnxruntime_raw import OnnxRuntimeRaw
from benchmarks.peers.openvino_raw import OpenVinoRaw
from benchmarks.peers.optimum_intel import OptimumIntel
from benchmarks.peers.optimum_onnxruntime import OptimumOnnxRuntime
from benchmarks.peers.peer import Peer
from benchmarks.peers.torch_eager import TorchEager
from benchmarks.peers.transformers_exporters import TransformersExporters

FP32: Mapping[str, Peer] = {
    "bert-export": BertExport(),
    "bert-export-plain": BertExport("bert-export --plain", plain=True),
    "bert-export-openvino": BertExport("bert-export, openvino", target="openvino"),
    "openvino-raw": OpenVinoRaw(),
    "optimum-intel": OptimumIntel("optimum-intel, OpenVINO", "fp32"),
    "transformers-exporters": TransformersExporters(),
    "onnxruntime-optimizer": OnnxRuntimeOptimizer(),
    "optimum-o2": OptimumOnnxRuntime("Optimum, ORTModel O2", "O2"),
    "onnxruntime-raw": OnnxRuntimeRaw(),
    "torch-eager": TorchEager(),
    "torch-compile": TorchEager("torch.compile", compiled=True),
}
BF16: Mapping[str, Peer] = {
    "bert-export-openvino-bf16": BertExport("bert-export, openvino bf16", target="openvino:bf16"),
    "openvino-raw-bf16": OpenVinoRaw("OpenVINO, raw export, bf16", "bf16"),
    "optimum-intel-bf16": OptimumIntel("optimum-intel, OpenVINO bf16", "bf16"),
    "torch-eager-bf16": TorchEager("torch eager, bf16", "bfloat16"),
}
INT8: Mapping[str, Peer] = {
    "bert-export-int8-performance": BertExport(
        "bert-export, int8 performance", target="cpu:int8", preset="performance"
    ),
    "bert-export-int8-accuracy": BertExport("bert-export, int8 accuracy", target="cpu:int8", preset="accuracy"),
    "bert-export-openvino-int8-performance": BertExport(
        "bert-export, openvino int8 performance", False, "openvino:int8", "performance"
    ),
    "bert-export-openvino-int8": BertExport("bert-export, openvino int8 accuracy", False, "openvino:int8", "accuracy"),
    "optimum-intel-int8": OptimumIntel("optimum-intel, OpenVINO + NNCF int8", "int8"),
    "optimum-quantised": OptimumOnnxRuntime("Optimum, ORTModel quantised", "quantised"),
    "onnxruntime-raw-dynamic": OnnxRuntimeDynamic(),
    "ctranslate2": CTranslate2(),
}
PEERS: Mapping[str, Peer] = {**FP32, **BF16, **INT8}

BASELINE = "onnxruntime-raw"
"""Whose outputs all others' are compared with, and whose time in fp32."""
BASELINES = {"fp32": BASELINE, "bf16": "openvino-raw-bf16", "int8": "onnxruntime-raw-dynamic"}
"""Precision -> the peer that speed-ups are taken over."""

ELSEWHERE: Mapping[str, Environment] = {
    "optimum-intel": OPTIMUM_INTEL,
    "optimum-intel-bf16": OPTIMUM_INTEL,
    "optimum-intel-int8": OPTIMUM_INTEL,
    "optimum-o2": OPTIMUM,
    "optimum-quantised": OPTIMUM,
    "ctranslate2": CTRANSLATE2,
}
"""Peers that run in an environment of their own. Without it they are skipped by name."""

ROUGH: Mapping[str, float] = {**dict.fromkeys(BF16, 0.1), **dict.fromkeys(INT8, 0.5)}
"""Peers of reduced precision -> how far from the baseline's outputs theirs may be, relative to the largest of these.
For int8 this finds a wrong graph, not a worse answer: `accuracy` and `int8 answers` measure that, on real weights."""
