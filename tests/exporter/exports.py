"""What tests of whole exports share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bert_export.options import ExportOptions


def options(model: Path, output: Path, **values: Any) -> ExportOptions:
    """An export for the target that needs no fusion; `values` are other options."""
    return ExportOptions(model=str(model), output=output, targets=("portable",), **values)


def contents(bundle: Path) -> dict[str, bytes]:
    """Every file of a bundle by name."""
    return {path.name: path.read_bytes() for path in bundle.iterdir()}
