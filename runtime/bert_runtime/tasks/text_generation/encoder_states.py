"""What an encoder says of a text: the values that a decoder with cross-attention reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bert_runtime.errors import InputError, Problem
from bert_runtime.fields import Checked
from bert_runtime.tasks.task import FloatArray, IntArray

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class EncoderStates(Checked):
    """The last hidden states of one text.

    Attributes:
        hidden: float32 of shape (source, hidden), one row for each of the text's tokens.
        mask: int64 of shape (source,): 1 for a token, 0 for padding, which is not read.

    Like a request, they are checked when it is their turn.
    """

    hidden: FloatArray
    mask: IntArray

    def problems(self) -> Iterator[str]:
        """Everything that is wrong with either."""
        types = [
            *_array_problems("hidden", self.hidden, np.float32, ("source", "hidden")),
            *_array_problems("mask", self.mask, np.int64, ("source",)),
        ]
        yield from types or self._value_problems()

    @classmethod
    def whole(cls, hidden: FloatArray) -> Self:
        """States without padding among them."""
        return cls(hidden, np.ones(np.shape(hidden)[:1], dtype=np.int64))

    @classmethod
    def from_record(cls, record: Mapping[str, object]) -> Self:
        """The states that a JSON object describes: `hidden` as lists of numbers, and `mask`, which may be left out.

        Raises:
            InputError: other keys, or what is no list of numbers.
        """
        problems = [
            Problem(
                "unknown-field",
                f"encoder_text.{key}",
                f"unknown field 'encoder_text.{key}'; the fields are hidden, mask",
            )
            for key in record.keys() - _SHAPES.keys()
        ]
        if "hidden" not in record:
            problems.append(
                Problem(
                    "missing-field",
                    "encoder_text.hidden",
                    "missing field 'encoder_text.hidden'; the fields are hidden, mask",
                )
            )
        if problems:
            raise InputError(sorted(problems))
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is refused as such
            hidden = _numbers("hidden", record["hidden"], "if").astype(np.float32)
        if "mask" not in record:
            return cls.whole(hidden)
        return cls(hidden, _numbers("mask", record["mask"], "i").astype(np.int64))

    def _value_problems(self) -> Iterator[str]:
        """What is wrong with arrays of the right types."""
        tokens, width = self.hidden.shape
        if not tokens or not width:
            yield Problem(
                "empty",
                "encoder_text.hidden",
                f"encoder_text.hidden has the shape {self.hidden.shape}, expected one token at least",
            )
        elif not np.isfinite(self.hidden).all():
            yield Problem(
                "not-finite",
                "encoder_text.hidden",
                "encoder_text.hidden holds values that are NaN or infinite, expected finite numbers",
            )
        if len(self.mask) != tokens:
            rows = f"{tokens} rows of encoder_text.hidden"
            yield Problem(
                "wrong-shape",
                "encoder_text.mask",
                f"encoder_text.mask has {len(self.mask)} entries for {rows}, expected one for each",
            )
        elif not np.isin(self.mask, (0, 1)).all():
            yield Problem(
                "out-of-range",
                "encoder_text.mask",
                "encoder_text.mask holds other values than 0 and 1, expected 1 for a token and 0 for padding",
            )
        elif tokens and not self.mask.any():
            yield Problem(
                "empty",
                "encoder_text.mask",
                "encoder_text.mask hides every token, expected 1 for one at least: there is nothing to read",
            )


_SHAPES = {"hidden": "of equally long lists, one for each token", "mask": "with one entry for each token"}


def _array_problems(name: str, array: object, dtype: type[np.generic], axes: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != len(axes):
        got = f"{getattr(array, 'dtype', type(array).__name__)} of shape {getattr(array, 'shape', '?')}"
        yield Problem(
            "wrong-type",
            f"encoder_text.{name}",
            f"encoder_text.{name} is {got}, expected {dtype.__name__} of ({', '.join(axes)}): one text, no batch axis",
        )


def _numbers(name: str, value: object, kinds: str) -> Array:
    """Lists of numbers as an array whose dtype is of one of numpy's `kinds`; what is empty is of any kind.

    Raises:
        InputError: anything else: strings, booleans, nulls, lists of unequal length.
    """
    try:
        array: Array = np.array(value)
    except (ValueError, OverflowError):  # lists of unequal length, integers without end
        array = np.array(None)
    if not isinstance(value, list) or (array.size and array.dtype.kind not in kinds):
        wanted = "integers" if kinds == "i" else "numbers"
        raise InputError(
            Problem(
                "wrong-type",
                f"encoder_text.{name}",
                f"encoder_text.{name} is no list of {wanted}, expected one {_SHAPES[name]}",
            )
        )
    return array
