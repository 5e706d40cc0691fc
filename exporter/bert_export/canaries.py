"""Canaries in a bundle: its file, and what each of its artefacts makes of them on the machine that exports."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bert_calibration.baseline import BaselineArtefact
from bert_export.errors import GateError
from bert_export.tolerances import TOLERANCES
from bert_runtime.backends.engine import LoadedArtefact
from bert_runtime.backends.select import start
from bert_runtime.canaries import Agreement, Bound, Canary, Sample, agreement
from bert_runtime.canaries_json import NAME, render
from bert_runtime.cpus import available_cpus
from bert_runtime.errors import BertError
from bert_runtime.generation.session import GenerationSession
from bert_runtime.manifest import RIGHT_PADDED, Artefact, Contents, ModelRecord
from bert_runtime.record_writers import to_json
from bert_runtime.schedule import Schedule, collate, split
from bert_runtime.session import Session
from bert_runtime.tasks import find_task
from bert_runtime.text import TextEncoder

ROOM = 2.0
"""How many times as far from torch an artefact may be on another processor than where it was exported."""


def with_canaries(
    contents: Contents, files: Mapping[str, bytes | Path], canaries: Sequence[Canary], text: TextEncoder
) -> tuple[Contents, dict[str, bytes | Path]]:
    """The same bundle with canaries, and in its verification what each artefact makes of them; unchanged without any.

    Args:
        files: the bundle's, by name; the artefacts' are on disk.
    """
    if not canaries:
        return contents, dict(files)
    samples = [sample for canary in canaries for row in canary.outputs for sample in row.values()]
    scale = max((float(np.abs(sample.values).max(initial=0.0)) for sample in samples), default=0.0)
    stated = []
    for artefact in contents.artefacts:
        found = _agreement(artefact, contents, files, canaries, text)
        if found is not None:
            stated.append(dataclasses.asdict(_bound(artefact, found, scale)))
    verification = {**contents.verification, "canaries": stated}
    return dataclasses.replace(contents, verification=verification), {**files, NAME: render(canaries)}


def of_network(held: Sequence[Canary], network: BaselineArtefact) -> tuple[Canary, ...]:
    """The same requests with the outputs and answers of a pruned network in fp32, where no torch computes them: those
    of the whole network would only measure what pruning changed."""
    head = network.task.head(network.text, network.record.settings)
    names = head.fetch(tuple(spec.name for spec in network.artefact.outputs))
    inputs = [spec.name for spec in network.artefact.inputs]
    found = []
    with network.engine() as engine:
        for canary in held:
            request = network.task.request.from_record(canary.request)
            encoded = head.encode(request)
            rows = []
            for row in encoded.features:
                feeds = collate([row], network.text.pad_id)
                outputs = engine.run({name: feeds[name] for name in inputs}, list(names))
                rows.append(split(outputs, [row], network.artefact.outputs)[0])
            answer = to_json(head.decode(request, encoded, rows))
            assert isinstance(answer, dict)  # every result is a dataclass
            found.append(Canary(canary.request, answer, tuple({n: Sample.of(row[n]) for n in names} for row in rows)))
    return tuple(found)


def check_parity(contents: Contents) -> None:
    """Refuse what the parity gate has not asked: the canaries went through a session, in a batch of mixed lengths.

    Raises:
        GateError: an artefact in single precision is further from torch there than it is alone.
    """
    most = ROOM * TOLERANCES["fp32"].absolute
    stated = contents.verification.get("canaries", [])
    wrong = [each for each in stated if each["precision"] == "fp32" and not each["max_difference"] <= most]
    if wrong:
        found = ", ".join(f"{each['target']} {each['max_difference'] / ROOM:.1e}" for each in wrong)
        raise GateError(
            f"in a session, artefacts in fp32 differ from torch by more than alone: {found}, expected at most "
            f"{TOLERANCES['fp32']}. No bundle was written; report it with the checkpoint's configuration"
        )


def _agreement(
    artefact: Artefact,
    record: ModelRecord,
    files: Mapping[str, bytes | Path],
    canaries: Sequence[Canary],
    text: TextEncoder,
) -> Agreement | None:
    """None for a graph whose kernels no CPU has, such as RemovePadding: its target's other artefact has a bound."""
    task, file = find_task(record.task), files[artefact.file]
    assert isinstance(file, Path)  # graphs are written before a bundle is
    try:
        loaded = LoadedArtefact.of(artefact, start(file.parent, artefact, available_cpus()))
    except BertError:
        if artefact.mask != RIGHT_PADDED:
            raise
        return None
    if task.is_autoregressive:
        session: Session[Any, Any] = GenerationSession(record, text, loaded, Schedule())
    else:
        session = Session(record, task, text, loaded, Schedule())
    with session:
        return agreement(session, canaries)


def _bound(artefact: Artefact, found: Agreement, scale: float) -> Bound:
    """Integers have no tolerance of their own: they are judged by answers. Floating point numbers may be as far from
    torch as the parity gate allows; `scale` is the largest number that torch gave."""
    tolerance = TOLERANCES.get(artefact.precision)
    least = tolerance.limit(scale) if tolerance else 1e-3
    most = max(ROOM * found.max_difference, least)
    return Bound(artefact.target, artefact.precision, found.same_answers, float(f"{most:.2e}"))
