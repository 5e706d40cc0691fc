"""The sizes that an engine is built for, and how a batch of other sizes is brought into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bert_runtime import strict_json
from bert_runtime.backends.engine import Array
from bert_runtime.errors import BackendError, BundleError, InputError
from bert_runtime.fields import settle
from bert_runtime.tasks.tensors import TensorSpec

POINTS = ("min", "opt", "max")

PADDED = ("batch", "choices", "sequence", "masks")
"""The axes that may be padded: a row that is added is a copy of the last one, a token that is added is masked."""


@dataclass(frozen=True)
class Profile:
    """The smallest, the most likely and the largest size of each axis: of an axis of fixed size, three times that.

    Raises:
        InputError: sizes that are no numbers, below 1 or out of order, with all of them.
    """

    axes: Mapping[str, tuple[int, int, int]]

    def __post_init__(self) -> None:
        problems = settle(self, "profile: ")
        if problems:
            raise InputError(problems)
        problems = [
            f"profile: {axis} is {low}, {best}, {high}, expected min <= opt <= max from 1"
            for axis, (low, best, high) in self.axes.items()
            if not (0 if axis == "past" else 1) <= low <= best <= high or not high
        ]
        if problems:
            raise InputError(problems)

    def fit(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """The sizes that a batch has to be padded to: its own, or the smallest that the profile takes.

        Raises:
            BackendError: an axis is not the profile's, longer than its, or shorter where it cannot be padded; with all.
        """
        self._check_axes(sizes)
        problems = list(self._problems(sizes))
        if problems:
            raise BackendError(
                f"the engine is not built for {', '.join(problems)}; ask for smaller batches (BatchLimits) or shorter "
                "texts, or load with a profile that includes it"
            )
        return {axis: max(size, self.axes[axis][0]) for axis, size in sizes.items()}

    def _problems(self, sizes: Mapping[str, int]) -> Iterator[str]:
        for axis, size in sizes.items():
            low, _, high = self.axes[axis]
            if size > high:
                yield f"{axis} {size}, expected {high} at most"
            elif size < low and (axis not in PADDED or not size):
                yield f"{axis} {size}, expected {low} at least"

    def shapes(self, inputs: Sequence[TensorSpec]) -> tuple[str, str, str]:
        """The smallest, most likely and largest shapes, as TensorRT's provider reads them: `input_ids:1x1,...`.

        Raises:
            BackendError: the profile says nothing of an axis, with all of them.
        """
        self._check_axes(axis for spec in inputs for axis in spec.axes)
        low, best, high = (
            ",".join(f"{spec.name}:{'x'.join(str(self.axes[axis][which]) for axis in spec.axes)}" for spec in inputs)
            for which in range(3)
        )
        return low, best, high

    def _check_axes(self, axes: Iterable[str]) -> None:
        unknown = sorted({axis for axis in axes if axis not in self.axes})
        if unknown:
            raise BackendError(
                f"the profile has no sizes for {', '.join(unknown)}, expected all axes of the graph's inputs; load "
                "with a profile that has them"
            )


def profile_file(target: str) -> str:
    """The name of a profile in a bundle; see BUNDLE.md."""
    return f"profile.{target}.json"


def read_profile(path: Path) -> Profile:
    """The profile that the exporter wrote.

    Raises:
        BundleError: the file is no profile, or its sizes are out of order.
    """
    record = strict_json.loads(path.read_bytes(), path.name)
    try:
        axes = {axis: tuple(bounds[point] for point in POINTS) for axis, bounds in record["axes"].items()}
        if not axes or any(type(size) is not int for sizes in axes.values() for size in sizes):
            raise TypeError
        return Profile(axes)
    except (AttributeError, KeyError, TypeError) as error:
        raise BundleError(
            f"{path.name}: expected axes with whole numbers min, opt and max; export the bundle again"
        ) from error
    except InputError as error:
        raise BundleError(f"{path.name}: {error}; export the bundle again") from error


def axis_sizes(feeds: Mapping[str, Array], inputs: Sequence[TensorSpec]) -> dict[str, int]:
    """The size of each named axis of a batch."""
    return {axis: size for spec in inputs for axis, size in zip(spec.axes, feeds[spec.name].shape, strict=True)}


def pad(feeds: Mapping[str, Array], inputs: Sequence[TensorSpec], sizes: Mapping[str, int]) -> dict[str, Array]:
    """The feeds in arrays of the given sizes, their own content first; unchanged where they have these sizes."""
    return {spec.name: _pad(feeds[spec.name], spec.axes, sizes) for spec in inputs}


def _pad(array: Array, axes: Sequence[str], sizes: Mapping[str, int]) -> Array:
    for position, axis in enumerate(axes):
        extra = sizes[axis] - array.shape[position]
        if extra:
            width = [(0, extra if i == position else 0) for i in range(array.ndim)]
            # A row of padding alone would have an empty mask; the numbers of an added token are 0, as is its mask.
            copied = axis in ("batch", "choices")
            array = np.pad(array, width, mode="edge") if copied else np.pad(array, width)
    return array


def crop(array: Array, axes: Sequence[str], sizes: Mapping[str, int]) -> Array:
    """An output without what padding added; axes that `sizes` does not name are whole."""
    return array[tuple(slice(sizes.get(axis)) for axis in axes)]


def copy_into(values: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
    """Fill the caller's arrays; raises BackendError where one has another shape."""
    for name, value in values.items():
        if value.shape != outputs[name].shape:
            raise BackendError(f"{name} has the shape {value.shape}, expected {outputs[name].shape}")
        np.copyto(outputs[name], value, casting="no")
