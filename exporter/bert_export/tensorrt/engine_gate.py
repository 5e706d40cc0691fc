"""The offline gate: TensorRT for RTX parses and builds an artefact on a machine without a GPU.

It proves operators, types, shapes and the profile, which are most of what goes wrong; kernels and speed it does not.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from bert_export.tensorrt.build import build
from bert_export.tensorrt.plain_graph import check_plain
from bert_export.tensorrt.profile import Profile, shapes_of
from bert_runtime.manifest import Artefact

PACKAGE, EXTRA = "tensorrt_rtx", "trt-check"


def check_engine(folder: Path, artefact: Artefact, profile: Profile, sizes: Mapping[str, int]) -> str:
    """A sentence on what was found: built, or not tried and why.

    Raises:
        GateError: a graph is none for TensorRT, or TensorRT cannot parse or build it.
    """
    for graph in artefact.graphs:
        check_plain(folder / graph.file)
    try:
        trt = importlib.import_module(PACKAGE)
    except (ImportError, OSError) as error:  # OSError: a library of the package does not load on this machine
        return (
            f"TensorRT did not see it: {PACKAGE} cannot be imported ({error}); "
            f"`pip install 'bert-export[{EXTRA}]'` builds it on a machine without a GPU too"
        )
    for graph in artefact.graphs:
        build(trt, folder / graph.file, shapes_of(graph, profile, sizes))
    files = " and ".join(graph.file for graph in artefact.graphs)
    return f"TensorRT for RTX {trt.__version__} parses and builds {files} with the profile; unmeasured: speed on a GPU"
