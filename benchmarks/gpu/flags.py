"""What the command is asked, checked together."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu.engines import ENGINES, GPU_ENGINES
from benchmarks.latency import WORK
from benchmarks.results import FOLDER
from benchmarks.workload import SIZES

TASKS = ("text-classification", "question-answering", "token-classification", "fill-mask", "feature-extraction")
"""Heads whose batches are (batch, sequence)."""


@dataclass(frozen=True)
class Defaults:
    """What is measured unless flags say otherwise."""

    model: str
    batches: tuple[int, ...]
    lengths: tuple[int, ...]
    fills: tuple[float, ...]
    seconds: float
    engines: tuple[str, ...]
    output: Path


ON_GPU = Defaults(
    "text-classification-bert-base", (1, 8, 32, 128), (128, 384), (0.3, 0.5, 0.8, 1.0), 540, tuple(GPU_ENGINES), FOLDER
)
REHEARSED = Defaults(
    "text-classification-tiny", (1, 4), (32, 64), (0.5, 1.0), 240, tuple(ENGINES), WORK / "gpu-rehearsal"
)


def parse(arguments: Sequence[str] | None, defaults: Defaults, description: str | None) -> argparse.Namespace:
    """The flags; exit code 2 with everything that is wrong."""
    flags = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    flags.add_argument(
        "--model", default=defaults.model, help=f"TASK-SIZE, of {', '.join(TASKS)} and {', '.join(SIZES)}"
    )
    flags.add_argument("--batches", type=int, nargs="+", default=defaults.batches)
    flags.add_argument("--lengths", type=int, nargs="+", default=defaults.lengths, help="tokens of a row, 4 to 512")
    flags.add_argument(
        "--fills", type=float, nargs="+", default=defaults.fills, help="shares of text, the rest padding"
    )
    flags.add_argument("--seconds", type=float, default=defaults.seconds, help="for everything, building included")
    flags.add_argument("--engines", nargs="+", choices=tuple(ENGINES), default=defaults.engines, metavar="NAME",
                       help=", ".join(ENGINES))  # fmt: skip
    flags.add_argument("--output", type=Path, default=defaults.output, help="the folder of results")
    parsed = flags.parse_args(arguments)
    problems = list(_problems(parsed))
    if problems:
        flags.error("; ".join(problems))
    return parsed


def _problems(parsed: argparse.Namespace) -> Iterator[str]:
    task = next((parsed.model.removesuffix(f"-{size}") for size in SIZES if parsed.model.endswith(f"-{size}")), None)
    if task not in TASKS:
        yield f"--model is {parsed.model}, expected TASK-SIZE of {', '.join(TASKS)} and of {', '.join(SIZES)}"
    ranges: tuple[tuple[str, Sequence[float], float, float], ...] = (
        ("--batches", parsed.batches, 1, 4096),
        ("--lengths", parsed.lengths, 4, 512),
        ("--fills", parsed.fills, 0.01, 1),
        ("--seconds", [parsed.seconds], 1, 86400),
    )
    for flag, values, low, high in ranges:
        for value in values:
            if not low <= value <= high:
                yield f"{flag} has {value:g}, expected {low:g} to {high:g}"
