"""The target `portable`: operators of the ONNX standard alone, for any engine that reads ONNX."""

from __future__ import annotations

from bert_runtime.targets.target import NO_BF16, Device, Target

PORTABLE = Target(
    name="portable",
    precisions=("fp32", "fp16", "int8"),
    refusals={
        "bf16": f"{NO_BF16}, --target cuda:fp16 for a GPU",
    },
    device=Device.CPU,
    module="onnxruntime",
    backend="onnxruntime",
    extra="cpu",
    auto_rank=4,
    shares_threads=True,
    # The engine is that of `cpu` without its fused operators: it cannot be the fastest.
    is_candidate=False,
)
