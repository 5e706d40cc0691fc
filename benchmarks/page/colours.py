"""One colour for one engine, wherever it is drawn; all of them readable on white and on black."""

from __future__ import annotations

import re
from collections.abc import Mapping

FAMILIES: Mapping[str, str] = {
    r"^bert-export.*openvino|^bert-export.*OpenVINO": "#2f80d0",
    r"^bert-export.*tensorrt": "#7d9a1c",
    r"^bert-export|^bert_runtime": "#12936f",
    r"torch\.compile": "#e0842e",
    r"^torch|^PyTorch": "#d9542b",
    r"optimum-intel": "#b84fc4",
    r"Optimum": "#d05a92",
    r"OpenVINO": "#8f63d2",
    r"CTranslate2": "#5b6bd6",
    r"^transformers": "#b98a00",
    r"optimize_model": "#a0704f",
    r"ONNX Runtime|quantize_dynamic": "#7f8896",
}
"""Pattern of an engine's name -> the colour of its family; the first that matches counts."""

OTHERS = ("#3aa6a6", "#b0679b", "#8a8f3c", "#6d87b5")
"""For engines of no family: taken by name, so that a name keeps its colour from figure to figure."""


def colour_of(engine: str) -> str:
    """The colour of an engine, by its name in tables."""
    for pattern, colour in FAMILIES.items():
        if re.search(pattern, engine):
            return colour
    return OTHERS[sum(engine.encode()) % len(OTHERS)]
