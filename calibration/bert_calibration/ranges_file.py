"""Ranges as a file: what a calibration found, to read, to keep and to quantise with again.

JSON:
{"format", "version", "method", "graph", "requests", "texts": [digest of a text that calibrated],
"ranges": {point: {"low", "high", "smooth", "token_smooth"}}}. Equal calibrations give equal bytes. Without `texts`, no
sample is known to be held out from the calibration.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from bert_calibration.errors import CalibrationError
from bert_calibration.held_out import DIGITS
from bert_calibration.products import QuantizationPoint
from bert_calibration.ranges import LEARNED, METHODS, Range, Ranges
from bert_runtime import strict_json
from bert_runtime.errors import BundleError
from bert_runtime.json_record import Record

FORMAT, VERSION = "bert-calibration-ranges", 1
LEAST, MOST = 1e-30, 1e30
"""Beyond these fp32 has no inverse."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_TEXT = re.compile(rf"[0-9a-f]{{{DIGITS}}}")
_REDO = "calibrate again"


def digest(path: Path) -> str:
    """The SHA-256 of a graph: of its file, and of the file of weights beside it, if there is one."""
    found = hashlib.sha256()
    for file in (path, path.with_name(f"{path.name}.data")):
        if file.exists():
            with file.open("rb") as stream:
                found.update(hashlib.file_digest(stream, "sha256").digest())
    return found.hexdigest()


def save(ranges: Ranges, path: Path) -> None:
    """Write the file."""
    record = {
        "format": FORMAT,
        "version": VERSION,
        "method": ranges.method,
        "graph": ranges.graph,
        "requests": ranges.requests,
        **({} if ranges.texts is None else {"texts": sorted(ranges.texts)}),
        "ranges": {
            name: {
                "low": each.low,
                "high": each.high,
                "smooth": list(each.smooth),
                "token_smooth": list(each.token_smooth),
            }
            for name, each in sorted(ranges.points.items())
        },
    }
    path.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def load(path: Path) -> Ranges:
    """Read the file.

    Raises:
        CalibrationError: it is no such file, with every problem.
    """
    try:
        value = strict_json.loads(path.read_bytes(), path.name)
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror}; give the file that a calibration wrote") from error
    except BundleError as error:
        raise CalibrationError(f"{error}; {_REDO}") from error
    problems: list[str] = []
    record = Record(value, "", problems)
    record.choice("format", (FORMAT,))
    record.integer("version", VERSION, VERSION)
    method = record.choice("method", (*METHODS, LEARNED))
    graph = record.string(key="graph", pattern=_SHA256, expected="a SHA-256 in hexadecimal")
    requests = record.integer("requests", 1, 2**53)
    texts = None
    if record.has("texts"):
        texts = frozenset(record.strings("texts", _TEXT, f"{DIGITS} hexadecimal digits"))
    points = record.record("ranges")
    found = {name: _range(points.record(name)) for name in points.names()}
    record.close()
    if problems:
        raise CalibrationError(f"{path.name}: {'; '.join(problems)}; {_REDO}")
    return Ranges(method, graph, requests, found, texts)


def check_belongs(ranges: Ranges, graph: str, points: Sequence[QuantizationPoint]) -> None:
    """Pass, or say why these ranges are not of this graph, whose SHA-256 is `graph`.

    Raises:
        CalibrationError: they were taken of another graph, or do not fit its activations.
    """
    if ranges.graph != graph:
        raise CalibrationError(
            f"the ranges belong to the graph with SHA-256 {ranges.graph[:12]}..., but this one has {graph[:12]}...;"
            f" {_REDO}: scales of other weights give wrong answers"
        )
    problems = []
    for point in points:
        channels = point.products[0].matrix().shape[0]
        found = ranges.points.get(point.name)
        if found is None:
            problems.append(f"no range for {point.name}")
            continue
        problems += [
            f"{point.name} has {len(factors)} channels to smooth, expected {channels}"
            for factors in (found.smooth, found.token_smooth)
            if factors and len(factors) != channels
        ]
    if problems:
        raise CalibrationError(f"the ranges do not fit the graph: {'; '.join(problems)}; {_REDO}")


def _range(record: Record) -> Range:
    low = record.value("low", lambda found: _is_number(found, high=0.0), "a number up to 0", 0.0)
    high = record.value("high", lambda found: _is_number(found, low=0.0), "a number from 0", 0.0)
    smooth, token_smooth = _factors(record, "smooth"), _factors(record, "token_smooth")
    record.close()
    return Range(float(low), float(high), smooth, token_smooth)


def _factors(record: Record, key: str) -> tuple[float, ...]:
    found = record.value(key, _are_factors, "a list of positive numbers", list[float]())
    return tuple(float(factor) for factor in found)


def _is_number(value: object, low: float = -MOST, high: float = MOST) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _are_factors(value: object) -> bool:
    return isinstance(value, list) and all(_is_number(factor, low=LEAST) for factor in value)
