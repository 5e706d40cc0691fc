"""Parsing and building a graph with TensorRT's Python API: TensorRT 10.12 and later, 11, or TensorRT for RTX.

All three have the same API, so that the offline gate and `--build-engine` share this code. The package is an argument:
which of them is installed is the caller's business. Every network is strongly typed: the types of the graph are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from bert_export.errors import GateError
from bert_export.tensorrt.profile import Shapes

SHOWN = 8
"""How many of TensorRT's messages an error tells."""

NOISE = ("catchCudaError", "Begin node", "End node", "Cuda Runtime", "While parsing node")
"""Messages of TensorRT that do not name the reason: the node again, and that there is no GPU."""

IGNORED = ("UINT8",)
"""Warnings that mean another answer: TensorRT takes unsigned integers for signed ones, and says so only here."""


@dataclass(frozen=True)
class Built:
    """A serialised engine, and what TensorRT has learnt about the speed of its kernels; empty where it keeps none."""

    plan: bytes
    timings: bytes


def build(trt: ModuleType, graph: Path, shapes: Mapping[str, Shapes], timings: bytes | None = None) -> Built:
    """Compile `graph` for a profile.

    Args:
        trt: the package `tensorrt` or `tensorrt_rtx`.
        shapes: input -> its shapes.
        timings: an earlier timing cache; None for a build without one.

    Raises:
        GateError: TensorRT cannot parse the graph or build it, in its own words.
    """
    log = _log(trt)
    builder = trt.Builder(log)
    network = builder.create_network(_strongly_typed(trt))
    parser = trt.OnnxParser(network, log)
    parsed = parser.parse_from_file(str(graph))
    doubts = [message for message in log.warnings if any(word in message for word in IGNORED)]
    if not parsed or doubts:
        errors = [parser.get_error(i).desc() for i in range(parser.num_errors)]
        raise GateError(_message(trt, graph, "parse", doubts + log.errors + errors))
    config = builder.create_builder_config()
    _add_profile(builder, config, graph, shapes)
    cache = None
    if timings is not None:
        cache = config.create_timing_cache(timings)
        config.set_timing_cache(cache, False)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise GateError(_message(trt, graph, "build", log.errors))
    return Built(bytes(plan), b"" if cache is None else bytes(cache.serialize()))


def _strongly_typed(trt: ModuleType) -> int:
    """The flag of a strongly typed network; where a version has no other kind and no flag, none."""
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _add_profile(builder: Any, config: Any, graph: Path, shapes: Mapping[str, Shapes]) -> None:
    profile = builder.create_optimization_profile()
    for name, each in shapes.items():
        profile.set_shape(name, *each.points)
    if config.add_optimization_profile(profile) < 0:
        report = ", ".join(f"{name} {each.min} {each.opt} {each.max}" for name, each in shapes.items())
        raise GateError(f"{graph.name}: TensorRT refuses the profile {report}; give another --profile")


def _log(trt: ModuleType) -> Any:
    """A logger that keeps warnings and errors apart; a class can only be made once the package is known."""

    class Log(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.warnings: list[str] = []
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity == trt.ILogger.WARNING:
                self.warnings.append(message)
            elif severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.errors.append(message)

    return Log()


def _message(trt: ModuleType, graph: Path, verb: str, messages: list[str]) -> str:
    lines = [line.strip() for message in messages for line in message.splitlines()]
    report = [line for line in dict.fromkeys(lines) if line and not any(word in line for word in NOISE)]
    return (
        f"{graph.name}: TensorRT ({trt.__name__} {trt.__version__}) cannot {verb} it: "
        f"{'; '.join(report[:SHOWN]) or 'without a reason'}. Export without --target tensorrt, and report this with "
        "the checkpoint's configuration"
    )
