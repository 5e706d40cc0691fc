"""Packages that only some formats and places need: imported late, and named with their extra where they are missing."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from bert_runtime.errors import InputError

_EXTRAS: Mapping[str, str] = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "hf": "hub"}
"""Protocols of fsspec whose packages have an extra of their own."""


def pyarrow(what: str = "Parquet and Arrow") -> Any:
    """The package.

    Raises:
        InputError: it is not installed.
    """
    return _imported("pyarrow", what)


def parquet() -> Any:
    """`pyarrow.parquet`; raises InputError where it is not installed."""
    return _imported("pyarrow.parquet", "Parquet")


def fsspec() -> Any:
    """The package; raises InputError where it is not installed."""
    return _imported("fsspec", "a URL")


def missing_extra(protocol: str, error: ImportError) -> InputError:
    """What to install for a protocol of fsspec."""
    extra = _EXTRAS.get(protocol)
    fix = f"install 'bert-export[data,{extra}]'" if extra else "install the package that fsspec names"
    return InputError(f"{protocol}:// needs a package that is missing ({error}); {fix}")


def _imported(name: str, what: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise InputError(f"{what} needs {package}, which is not installed; install 'bert-export[data]'") from error
