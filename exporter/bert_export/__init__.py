"""From a PyTorch checkpoint to a proven bundle: `export`, `quantize` and `tune` make what `bert-export` makes."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bert_export.errors import CheckpointError, GateError, OptionError
    from bert_export.exporting import export, quantize, tune
    from bert_export.options import ExportOptions
    from bert_export.report import ArtefactReport, ExportReport
    from bert_runtime.version import __version__

__all__ = [
    "ArtefactReport",
    "CheckpointError",
    "ExportOptions",
    "ExportReport",
    "GateError",
    "OptionError",
    "__version__",
    "export",
    "quantize",
    "tune",
]

_HOMES = {
    "ArtefactReport": "bert_export.report",
    "CheckpointError": "bert_export.errors",
    "ExportOptions": "bert_export.options",
    "ExportReport": "bert_export.report",
    "GateError": "bert_export.errors",
    "OptionError": "bert_export.errors",
    "__version__": "bert_runtime.version",
    "export": "bert_export.exporting",
    "quantize": "bert_export.exporting",
    "tune": "bert_export.exporting",
}


def __getattr__(name: str) -> object:
    """Import what is asked for: neither options nor reports need torch, and a command begins before numpy is there."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
