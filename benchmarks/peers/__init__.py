"""The peers of the race, by the names that the command line and the results use; adding one is a file and a line."""

from __future__ import annotations

from benchmarks.peers.bert_export import BertExport
from benchmarks.peers.onnxruntime_optimizer import OnnxRuntimeOptimizer
from benchmarks.peers.onnxruntime_raw import OnnxRuntimeRaw
from benchmarks.peers.openvino_raw import OpenVinoRaw
from benchmarks.peers.peer import Peer
from benchmarks.peers.torch_eager import TorchEager
from benchmarks.peers.transformers_exporters import TransformersExporters

PEERS: dict[str, Peer] = {
    "bert-export": BertExport(),
    "bert-export-plain": BertExport("bert-export --plain", plain=True),
    "bert-export-openvino": BertExport("bert-export, openvino", target="openvino"),
    "bert-export-openvino-bf16": BertExport("bert-export, openvino bf16", target="openvino:bf16"),
    "openvino-raw": OpenVinoRaw(),
    "openvino-raw-bf16": OpenVinoRaw("OpenVINO, raw export, bf16", "bf16"),
    "transformers-exporters": TransformersExporters(),
    "onnxruntime-optimizer": OnnxRuntimeOptimizer(),
    "onnxruntime-raw": OnnxRuntimeRaw(),
    "torch-eager": TorchEager(),
}
BASELINE = "onnxruntime-raw"

ROUGH = {"bert-export-openvino-bf16": 0.1, "openvino-raw-bf16": 0.1}
"""Peers of reduced precision -> how far from the baseline's outputs theirs may be, relative to the largest of these."""
