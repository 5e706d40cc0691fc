"""The int8 scheme of each target that has one. To add one: its file here, and one line in SCHEMES."""

from __future__ import annotations

from collections.abc import Mapping

from bert_calibration.targets import cpu, openvino, portable, tensorrt
from bert_calibration.targets.scheme import Scheme
from bert_runtime.targets import CPU, OPENVINO, PORTABLE, TENSORRT

SCHEMES: Mapping[str, Scheme] = {
    CPU.name: cpu.SCHEME,
    OPENVINO.name: openvino.SCHEME,
    PORTABLE.name: portable.SCHEME,
    TENSORRT.name: tensorrt.SCHEME,
}
"""Target -> its scheme."""
