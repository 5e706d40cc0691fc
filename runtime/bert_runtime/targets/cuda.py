"""The target `cuda`: ONNX Runtime's CUDA provider, with its fused operators."""

from __future__ import annotations

from bert_runtime.targets.target import NO_BF16, Device, Operators, Provider, Target

CUDA = Target(
    name="cuda",
    precisions=("fp32", "fp16"),
    refusals={
        "int8": (
            "on a GPU, ONNX Runtime's integers are slower than half precision; use --target cuda:fp16, --target "
            "tensorrt:int8, or --int8 for a CPU"
        ),
        "bf16": f"{NO_BF16}, --target cuda:fp16 for a GPU",
    },
    device=Device.GPU,
    module="onnxruntime",
    backend="cuda",
    extra="gpu",
    auto_rank=1,
    operators=Operators.FUSED,
    auto_for=("fp16",),
    # cuDNN's attention; without it, ONNX Runtime takes slower kernels and says nothing.
    provider=Provider("CUDAExecutionProvider", "libonnxruntime_providers_cuda.so", opened_late=("libcudnn.so.9",)),
    has_right_padded_artefact=True,
    has_cuda_graphs=True,
    streams=2,  # the GPU is busy with one batch while the next is copied
)
