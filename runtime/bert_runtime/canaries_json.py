"""`canaries.json` as values, and what a manifest states of canaries: read with every type and size checked."""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bert_runtime import strict_json
from bert_runtime.bundle import Bundle
from bert_runtime.canaries import Bound, Canary, Sample, step
from bert_runtime.errors import BundleError, Problem
from bert_runtime.json_record import Record
from bert_runtime.manifest_json import raise_problems

NAME = "canaries.json"
VERSION = 1
MAX_BYTES = 4 * 2**20
MOST_CASES = 64

_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


def render(canaries: Sequence[Canary]) -> bytes:
    """The bytes of `canaries.json`; equal canaries give equal bytes."""
    cases = [
        {"request": each.request, "answer": each.answer, "outputs": [_rendered(row) for row in each.outputs]}
        for each in canaries
    ]
    text = json.dumps({"version": VERSION, "cases": cases}, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def read(bundle: Bundle) -> tuple[Canary, ...]:
    """The canaries of a bundle that was checked.

    Raises:
        BundleError: it has none, or the file breaks the format, with every problem.
    """
    if NAME not in bundle.manifest.files:
        message = f"{bundle.directory}: has no {NAME}, expected one; export it again, with this release"
        raise BundleError(Problem("missing-file", NAME, message))
    path = bundle.directory / NAME
    if path.stat().st_size > MAX_BYTES:
        raise BundleError(Problem("too-large", NAME, f"{NAME}: has more than {MAX_BYTES} bytes; export it again"))
    problems: list[str] = []
    record = Record(strict_json.loads(path.read_bytes(), NAME), "", problems)
    record.integer("version", VERSION, VERSION)
    cases = record.records("cases")
    if len(cases) > MOST_CASES:
        problems.append(Problem("too-large", "cases", f"cases has {len(cases)} entries, expected {MOST_CASES} at most"))
    found = tuple(_case(case) for case in cases[:MOST_CASES])
    record.close()
    raise_problems(problems, NAME)
    return found


def bounds_of(bundle: Bundle) -> tuple[Bound, ...]:
    """What the manifest states of each artefact under `verification.canaries`.

    Raises:
        BundleError: an entry breaks the format.
    """
    problems: list[str] = []
    stated = bundle.manifest.verification.get("canaries", [])
    record = Record({"canaries": stated}, "verification", problems)
    found = tuple(_bound(each) for each in record.records("canaries"))
    raise_problems(problems, "manifest.json")
    return found


def _rendered(row: Mapping[str, Sample]) -> dict[str, object]:
    return {name: {"shape": list(each.shape), "values": _packed(each.values)} for name, each in row.items()}


def _packed(values: NDArray[np.float32]) -> str:
    return base64.b64encode(zlib.compress(values.astype("<f4").tobytes(), 9)).decode()


def _case(case: Record) -> Canary:
    request, answer = case.mapping("request"), dict(case.mapping("answer"))
    outputs = tuple(dict(_samples(row)) for row in case.records("outputs"))
    case.close()
    return Canary(request, answer, outputs)


def _samples(row: Record) -> Iterator[tuple[str, Sample]]:
    for name in row.names():
        own = row.record(name)
        shape = tuple(own.value("shape", _is_shape, "a list of sizes", [0]))
        packed = own.string("values", _BASE64, "base64")
        own.close()
        values = _unpacked(packed, math.prod(shape))
        if values is None:
            text = f"{own.path}.values is not the compressed numbers of an output of shape {list(shape)}"
            row.problems.append(Problem("wrong-value", f"{own.path}.values", f"{text}; export the bundle again"))
        else:
            yield name, Sample(shape, values)


def _is_shape(value: object) -> bool:
    """A few sizes, whose product is small enough to be an output."""
    if not isinstance(value, list) or len(value) > 4:
        return False
    return all(type(size) is int and 0 <= size <= 2**20 for size in value)


def _unpacked(packed: str, size: int) -> NDArray[np.float32] | None:
    """The numbers, once they are as many as an output of `size` has in its sample; no more are ever unpacked."""
    expected = 4 * -(-size // step(size))
    try:
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(base64.b64decode(packed, validate=True), expected + 1)
    except (binascii.Error, zlib.error):
        return None
    return np.frombuffer(content, "<f4") if len(content) == expected else None


def _bound(entry: Record) -> Bound:
    target, precision = (entry.string(key, re.compile(r"[a-z0-9]{1,16}"), "a word") for key in ("target", "precision"))
    same = entry.integer("same_answers", 0, MOST_CASES)
    most = entry.value("max_difference", lambda found: type(found) in (int, float), "a number", 0.0)
    entry.close()
    return Bound(target, precision, same, float(most))
