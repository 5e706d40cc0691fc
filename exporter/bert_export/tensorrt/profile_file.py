"""A profile in the three forms it is asked for: JSON, options of ONNX Runtime's TensorRT provider, and `trtexec`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from bert_export.tensorrt.profile import Profile, Shapes, shapes_of, to_json
from bert_runtime.backends.profile import POINTS
from bert_runtime.manifest import Artefact

FORMAT, VERSION = "bert-export-profile", 1


def render(artefact: Artefact, profile: Profile, sizes: Mapping[str, int]) -> str:
    """The content of the profile's file; BUNDLE.md describes it. Equal profiles give equal text."""
    graphs = []
    for graph in artefact.graphs:
        shapes = shapes_of(graph, profile, sizes)
        graphs.append(
            {
                "file": graph.file,
                "inputs": {
                    name: {point: list(getattr(each, point)) for point in POINTS} for name, each in shapes.items()
                },
                "onnxruntime": onnxruntime_options(shapes),
                "trtexec": trtexec_line(graph.file, shapes),
            }
        )
    record: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "target": artefact.target,
        "origin": profile.origin,
        "axes": to_json(profile),
        "graphs": graphs,
    }
    return json.dumps(record, indent=2) + "\n"


def onnxruntime_options(shapes: Mapping[str, Shapes]) -> dict[str, str]:
    """Options of ONNX Runtime's TensorRT provider; its fp16 and int8 switches stay off, as the graph has its types."""
    return {f"trt_profile_{point}_shapes": _told(shapes, point) for point in POINTS}


def trtexec_line(file: str, shapes: Mapping[str, Shapes]) -> str:
    """The command that builds the engine, to be run in the bundle's directory.

    TensorRT 11 has strongly typed networks only; TensorRT 10 needs `--stronglyTyped`.
    """
    plan = f"{file.removesuffix('.onnx')}.plan"
    flags = [f"--{point}Shapes={_told(shapes, point)}" for point in POINTS]
    return shlex.join(["trtexec", f"--onnx={file}", "--stronglyTyped", *flags, f"--saveEngine={plan}"])


def _told(shapes: Mapping[str, Shapes], point: str) -> str:
    """`input_ids:1x16,attention_mask:1x16`."""
    return ",".join(f"{name}:{'x'.join(map(str, getattr(each, point)))}" for name, each in shapes.items())
