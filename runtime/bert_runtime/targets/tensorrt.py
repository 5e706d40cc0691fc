"""The target `tensorrt`: TensorRT through ONNX Runtime's provider, as an engine that is built for a profile."""

from __future__ import annotations

from bert_runtime.targets.target import NO_BF16, Device, Provider, Target

TENSORRT = Target(
    name="tensorrt",
    precisions=("fp32", "fp16", "int8"),
    refusals={
        "bf16": f"{NO_BF16}, --target cuda:fp16 for a GPU",
    },
    device=Device.GPU,
    module="onnxruntime",
    backend="tensorrt",
    extra="gpu",
    auto_rank=0,
    # 7.5 is the oldest compute capability in TensorRT 10's support matrix.
    provider=Provider(
        "TensorrtExecutionProvider", "libonnxruntime_providers_tensorrt.so", (7, 5), oldest_reason="TensorRT 10"
    ),
    has_profile=True,
    int8_float_precision="fp16",
    streams=2,  # the GPU is busy with one batch while the next is copied
)
