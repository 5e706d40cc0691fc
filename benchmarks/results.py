"""The raw results: one JSON file for each benchmark and subject, in a folder named after the machine."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import Machine, this_machine

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Result:
    """One run of one benchmark.

    Attributes:
        benchmark: latency, overhead or export_time.
        subject: what was measured, for example a model.
        machine: where.
        threads: threads of each engine.
        measurements: JSON values, as the benchmark documents them.
    """

    benchmark: str
    subject: str
    machine: Machine
    threads: int
    measurements: Any


def save(benchmark: str, subject: str, threads: int, measurements: Any, folder: Path = FOLDER) -> Path:
    """Write a result of this machine; it replaces an older one of the same benchmark and subject."""
    result = Result(benchmark, subject, this_machine(), threads, measurements)
    path = folder / result.machine.name / f"{benchmark}-{subject}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dataclasses.asdict(result), indent=1) + "\n", encoding="utf-8")
    return path


class ResultsError(ValueError):
    """Files that hold no results, all of them by name."""


def read_all(folder: Path = FOLDER) -> Iterator[Result]:
    """Every result kept, in the order of machine, benchmark and subject.

    Raises:
        ResultsError: before the first is given, with every file that is no result and why.
    """
    results, problems = [], []
    for path in sorted(folder.glob("*/*.json")):
        try:
            results.append(_read(path))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            problems.append(f"{path.relative_to(folder)}: {_told(error)}")
    if problems:
        raise ResultsError(
            f"{folder}: got {len(problems)} broken files, expected what `benchmarks.results.save` writes; measure them "
            f"again or remove them: {'; '.join(problems)}"
        )
    yield from results


def _read(path: Path) -> Result:
    record = json.loads(path.read_text(encoding="utf-8"))
    machine = record.pop("machine")
    lists = {"isa": tuple(machine["isa"]), "gpus": tuple(machine.get("gpus", ()))}
    return Result(machine=Machine(**{**machine, **lists}), **record)


def _told(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    return str(error).replace("Result.__init__() ", "").replace("Machine.__init__() ", "machine: ")
