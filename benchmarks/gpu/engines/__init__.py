"""The engines, by the names that the command line uses; adding one is a value here, of a new kind also a file."""

from __future__ import annotations

from benchmarks.gpu.engines.bundle import BundleEngine
from benchmarks.gpu.engines.engine import Engine
from benchmarks.gpu.engines.torch import TorchEngine

BASELINE = "torch-fp16"
REHEARSAL_BASELINE = "torch-on-cpu"

GPU_ENGINES: dict[str, Engine] = {
    BASELINE: TorchEngine("torch fp16, SDPA"),
    "torch-fp16-graphs": TorchEngine("torch fp16, SDPA, CUDA graph", how="graphs"),
    "torch-fp16-compile": TorchEngine("torch.compile fp16", how="compile"),
    "torch-fp16-autotune": TorchEngine("torch.compile fp16, max-autotune", how="autotune"),
    "torch-fp16-cudnn": TorchEngine("torch fp16, SDPA of cuDNN", attention="cudnn"),
    "torch-fp16-no-cudnn": TorchEngine("torch fp16, SDPA without cuDNN", attention="no-cudnn"),
    "torch-fp16-packed": TorchEngine("torch fp16, packed rows", attention="packed"),
    "torch-fp16-packed-graphs": TorchEngine("torch fp16, packed rows, CUDA graph", how="graphs", attention="packed"),
    "torch-fp8": TorchEngine("torch fp8 products", precision="fp8"),
    "torch-fp8-graphs": TorchEngine("torch fp8 products, CUDA graph", precision="fp8", how="graphs"),
    "cuda": BundleEngine("bert-export, cuda fp16", "cuda"),
    "cuda-binding": BundleEngine("bert-export, cuda fp16, I/O binding", "cuda", "binding"),
    "cuda-graphs": BundleEngine("bert-export, cuda fp16, CUDA graphs", "cuda", "graphs"),
    "tensorrt": BundleEngine("bert-export, tensorrt fp16", "tensorrt"),
    "tensorrt-binding": BundleEngine("bert-export, tensorrt fp16, I/O binding", "tensorrt", "binding"),
    "tensorrt-graphs": BundleEngine("bert-export, tensorrt fp16, CUDA graphs", "tensorrt", "graphs"),
}
"""What is measured on a GPU."""

REHEARSAL: dict[str, Engine] = {
    REHEARSAL_BASELINE: TorchEngine("torch fp32 on the CPU", "cpu", "fp32"),
    "torch-compile-on-cpu": TorchEngine("torch.compile fp32 on the CPU", "cpu", "fp32", "compile"),
    "torch-autotune-on-cpu": TorchEngine("torch.compile fp32, max-autotune, on the CPU", "cpu", "fp32", "autotune"),
    "torch-packed-on-cpu": TorchEngine("torch fp32, packed rows, on the CPU", "cpu", "fp32", attention="packed"),
    "torch-fp8-on-cpu": TorchEngine("torch fp8 products on the CPU", "cpu", "fp8"),
    "cuda-file-on-cpu": BundleEngine("bert-export's cuda fp16 file, on the CPU provider", "cuda", device="cpu"),
    "tensorrt-file-on-cpu": BundleEngine(
        "bert-export's tensorrt fp16 file, on the CPU provider", "tensorrt", device="cpu"
    ),
}
"""What runs in their place where no GPU is, so that the command can be tried: no figure of a GPU."""

ENGINES: dict[str, Engine] = GPU_ENGINES | REHEARSAL

REFERENCES: dict[str, Engine] = {
    "torch-cuda": TorchEngine("torch fp32", "cuda", "fp32"),
    "torch-cpu": TorchEngine("torch fp32, on the CPU", "cpu", "fp32"),
    "file-on-cpu": BundleEngine("bert-export's cuda fp16 file, on the CPU provider", "cuda", device="cpu"),
}
"""What every engine's outputs are compared with: the first that runs here. The last, for a machine without torch, was
itself compared with torch when it was exported."""
