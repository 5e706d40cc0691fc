"""Columns in Arrow: the type of a kind, and an array of its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bert_runtime.table.kinds import Kind, ListOf, Plain, StructOf, Vector


def arrow_type(kind: Kind) -> Any:
    """The DataType: a vector is a fixed-size list of float32."""
    import pyarrow  # noqa: PLC0415 - an extra

    match kind:
        case Plain(name):
            return pyarrow.type_for_alias(name)
        case ListOf(item):
            return pyarrow.list_(arrow_type(item))
        case StructOf(fields):
            return pyarrow.struct([pyarrow.field(name, arrow_type(own)) for name, own in fields])
        case Vector(size):
            return pyarrow.list_(pyarrow.float32(), size)


def arrow_array(kind: Kind, values: Sequence[Any]) -> Any:
    """An array of that type; None is a null."""
    import pyarrow  # noqa: PLC0415 - an extra

    if not isinstance(kind, Vector):
        return pyarrow.array(values, arrow_type(kind))
    flat = np.zeros((len(values), kind.size), np.float32)
    for i, value in enumerate(values):
        if value is not None:
            flat[i] = value
    nulls = pyarrow.array([value is None for value in values])
    return pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(flat.reshape(-1)), kind.size, mask=nulls)
