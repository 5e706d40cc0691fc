"""What is expected of one H200, written down before the first run, so that a result confirms or refutes it.

Milliseconds of BERT-base in fp16 with rows full of text: estimates, from the floor of the hardware and the number of
kernels. NVIDIA's MLPerf results anchor them: BERT-large on one H200 answers 9,164 rows a second, on an H100 8,765.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.summary import typical
from benchmarks.workload import Case

GPU, MODEL = "H200", "bert-base"
FLOOR = "the floor"
EXPECTED: Mapping[Case, Mapping[str, tuple[float, float]]] = {
    Case(1, 128): {
        FLOOR: (0.04, 0.04),
        "bert-export, tensorrt fp16": (0.40, 0.50),
        "torch fp16, packed rows, CUDA graph": (0.45, 0.55),
        "bert-export, cuda fp16": (0.9, 1.1),
        "bert-export, cuda fp16, CUDA graphs": (0.55, 0.65),
    },
    Case(32, 128): {
        FLOOR: (0.9, 0.9),
        "bert-export, tensorrt fp16": (1.6, 1.7),
        "torch fp16, packed rows, CUDA graph": (1.7, 1.8),
        "bert-export, cuda fp16": (2.0, 2.1),
    },
    Case(128, 384): {
        FLOOR: (11.5, 11.5),
        "bert-export, tensorrt fp16": (16, 17),
        "torch fp16, packed rows, CUDA graph": (16, 17),
        "bert-export, cuda fp16": (20, 20),
    },
}
ROOM = 0.1
"""A figure within a tenth of the range confirms it."""


def verdicts(runs: list[Mapping[str, Any]]) -> Iterator[list[str]]:
    """Size, engine, expected, measured, verdict: a row for each expectation."""
    full = {(Case(run["batch"], run["sequence"]), run["peer"]): run for run in runs if run["fill"] == 1.0}
    for case, engines in EXPECTED.items():
        floors = [run["floor"] for (own, _), run in full.items() if own == case and run["floor"]]
        for engine, bounds in engines.items():
            run = full.get((case, engine))
            got = (floors[0] if floors else None) if engine == FLOOR else typical(run["rounds"]) if run else None
            yield [
                case.name,
                engine,
                _range(bounds),
                "not measured" if got is None else f"{got:.3g}",
                _verdict(bounds, got),
            ]


def _range(bounds: tuple[float, float]) -> str:
    low, high = bounds
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _verdict(bounds: tuple[float, float], got: float | None) -> str:
    if got is None:
        return ""
    low, high = bounds
    if got < low * (1 - ROOM):
        return f"faster, {got / low:.2f} of it"
    return "as expected" if got <= high * (1 + ROOM) else f"slower, {got / high:.2f} of it"
