"""The int8 scheme of each target that has one. To add one: its file here, and one line in SCHEMES."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bert_calibration.config import RANGE_METHODS, WITHOUT_DATA, QuantizationConfig
from bert_calibration.errors import CalibrationError, QuantizationError
from bert_calibration.plans import Plan
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


def choose(config: QuantizationConfig, target: str, has_data: bool) -> Plan:
    """The plan that a config stands for.

    Raises:
        CalibrationError: the method needs data, and there is none; or a setting has an impossible value: all problems.
        QuantizationError: the target has no such plan.
    """
    problems = list(config.problems(has_data))
    if problems:
        raise CalibrationError("; ".join(problems))
    named, name = SCHEMES[target].plans if target in SCHEMES else {}, _name(config, has_data)
    if name not in named:
        raise QuantizationError(
            f"the target {target} has no int8 preset {name!r}, expected one of {', '.join(named) or 'none'};"
            " performance and accuracy need calibration data"
        )
    plan = named[name] if config.method not in RANGE_METHODS else replace(named[name], method=config.method)
    return replace(plan, kept=config.kept, embedding=config.embedding)


def _name(config: QuantizationConfig, has_data: bool) -> str:
    if config.method in WITHOUT_DATA:
        return config.method
    if not has_data:
        return "per-token"
    return config.preset or ("accuracy" if config.method in ("auto", "smooth") else "performance")
