"""The target `openvino`: OpenVINO's CPU plugin."""

from __future__ import annotations

from bert_runtime.targets.target import Device, PadToMultipleOf, Target

OPENVINO = Target(
    name="openvino",
    precisions=("fp32", "bf16", "int8"),
    refusals={
        "fp16": (
            "OpenVINO computes half precision on a CPU in single; use --target openvino:bf16, which is faster where "
            "the CPU has bf16"
        ),
    },
    device=Device.CPU,
    module="openvino",
    backend="openvino",
    extra="openvino",
    auto_rank=2,
    auto_for=("bf16",),
    packs_sequences=True,
    # OpenVINO compiles each new input shape on first use, which takes several times as long as one inference, and
    # caches the result. In latency mode a row of a few tokens more takes as long; in throughput mode they are work.
    pad_to_multiple_of=PadToMultipleOf(latency=16, throughput=8),
    # Two threads share one run better than two runs share the weights.
    threads_per_stream=2,
    is_candidate=True,
)
