"""The runtime's tests where only the runtime is installed: `make test-runtime-alone`.

    python -m tests.without_exporter [ARGUMENTS OF PYTEST]

blocks the imports of the exporter, of calibration and of their libraries, and runs `tests/runtime`.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

LIBRARIES = ("torch", "transformers", "onnx", "onnx_ir", "onnxscript", "peft", "safetensors", "sentence_transformers")
PACKAGES = ("bert_export", "bert_calibration")
VARIABLE = "BERT_RUNTIME_ALONE"


class Blocked:
    """A finder that refuses these names, as where they are not installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raises ModuleNotFoundError for a blocked name."""
        if name.partition(".")[0] in (*LIBRARIES, *PACKAGES):
            raise ModuleNotFoundError(f"{name} is blocked", name=name)
        return None


def is_exporter_there() -> bool:
    """Whether the exporter and all of its libraries may be imported here."""
    return all(_is_there(name) for name in (*LIBRARIES[:-1], *PACKAGES))


def skip_without_exporter() -> None:
    """Skip the test that asks, where only the runtime is installed."""
    if not is_exporter_there():
        pytest.skip("needs the exporter's libraries")


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


if os.environ.get(VARIABLE):
    sys.meta_path.insert(0, Blocked())

if __name__ == "__main__":
    os.environ[VARIABLE] = "1"  # each process of the tests imports this module, and blocks
    sys.exit(pytest.main(["tests/runtime", *sys.argv[1:]]))
