"""The results of `benchmarks.pruning` and `benchmarks.pruning_shapes` as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.markdown import markdown


def pruning(measurements: Mapping[str, Any]) -> Iterator[str]:
    """A row for each network that was tried."""
    first = measurements["rows"][0]
    yield (
        f"Fitted to {measurements['fit']} texts, judged on {first['samples']} samples. fp32: {measurements['fp32']}. "
        "Speed is beside int8 of the whole network, one thread, with quartiles; the drop has its paired 95% interval."
    )
    yield ""
    header = [
        "speed asked",
        "multiplications left",
        "1 x 128",
        "8 x 128",
        f"drop of {first['metric']}",
        "verdict",
        "CPU s",
    ]
    yield from markdown(header, (_cells(row) for row in measurements["rows"]))


def pruning_shapes(measurements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Precisions and shapes, beside what arithmetic says."""
    header = ["precision", "shape", "multiplications left", "by arithmetic", "measured"]
    rows = (
        [row["precision"], row["shape"], f"{row['products']:.0%}", f"{1 / row['products']:.2f}x", _speed(row["ratio"])]
        for row in measurements
    )
    yield from markdown(header, rows)


def _cells(row: Mapping[str, Any]) -> list[str]:
    drop, low, high = (f"{100 * row[name]:.1f}" for name in ("drop", "low", "high"))
    return [
        f"{row['asked']:.2f}x", f"{row['products']:.0%}", _speed(row["1x128"]), _speed(row["8x128"]),
        f"{drop} ({low} to {high})", row["accuracy"]["verdict"], f"{row['seconds'][1]:.0f}",
    ]  # fmt: skip


def _speed(found: Sequence[float]) -> str:
    return f"{found[0]:.2f}x ({found[1]:.2f} to {found[2]:.2f})"
