"""Which Python packages a path has, and which of those that provide onnxruntime `import` takes."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path

PACKAGES = (
    "bert-export",
    "numpy",
    "tokenizers",
    "openvino",
    "tensorrt",
    "tensorrt-cu12",
    "tensorrt-cu13",
    "nvidia-cudnn-cu12",
    "nvidia-cudnn-cu13",
    "rich",
    "torch",
)
"""Those that are of interest, but for onnxruntime's."""

ONNXRUNTIME = ("onnxruntime", "onnxruntime-gpu")
"""The packages that provide `import onnxruntime`."""


def installed(path: Sequence[str]) -> dict[str, str]:
    """Those of PACKAGES in the folders of `path`, and onnxruntime's as `import` takes them -> their versions."""
    found = {name: version for name in PACKAGES if (version := _version(name, path)) is not None}
    return {**found, **onnxruntime_packages(path)}


def onnxruntime_packages(path: Sequence[str]) -> Mapping[str, str]:
    """Those of ONNXRUNTIME in the first folder that has any -> their versions.

    Two in that one folder overwrite each other's files. In a later folder a package does no harm: `import` takes
    the first folder, as where a base image has onnxruntime and `pip --target` adds onnxruntime-gpu.
    """
    for folder in path:
        versions = {name: version for name in ONNXRUNTIME if (version := _version(name, [folder])) is not None}
        if versions:
            return versions
    return {}


def onnxruntime_folder(folders: Sequence[Path]) -> Path | None:
    """The folder of the package that `import onnxruntime` takes; None where there is none."""
    places = (folder / "onnxruntime" for folder in folders)
    return next((place for place in places if (place / "__init__.py").is_file()), None)


def _version(name: str, path: Sequence[str]) -> str | None:
    distribution = next(iter(importlib.metadata.distributions(name=name, path=list(path))), None)
    return None if distribution is None else distribution.version
