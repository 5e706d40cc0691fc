"""The target `cpu`: ONNX Runtime's CPU provider, with its fused operators."""

from __future__ import annotations

from bert_runtime.targets.target import NO_BF16, Device, Operators, Target

CPU = Target(
    name="cpu",
    precisions=("fp32", "int8"),
    refusals={
        "fp16": (
            "a CPU computes half precision by converting to single and back, which gains nothing; use --target cuda "
            "for a GPU (a CPU runs that bundle too, with a warning), or leave --fp16 out"
        ),
        "bf16": NO_BF16,
    },
    device=Device.CPU,
    module="onnxruntime",
    backend="onnxruntime",
    extra="cpu",
    auto_rank=3,
    operators=Operators.FUSED,
    auto_for=("fp32", "int8"),
    shares_threads=True,
    is_candidate=True,
)
