"""What an artefact for TensorRT has besides its graph: a profile, in a file of the bundle, and what the gate found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert_calibration.baseline import BaselineArtefact
from bert_calibration.samples import read_samples
from bert_export.tensorrt.engine_gate import check_engine
from bert_export.tensorrt.plan import require_tensorrt, write_plan
from bert_export.tensorrt.profile import Bounds, Profile, profile_of, shapes_of
from bert_export.tensorrt.profile_file import render
from bert_runtime.backends.profile import profile_file
from bert_runtime.bundle import Bundle


@dataclass(frozen=True)
class Compiled:
    """The profile, the file it is in, its content as plain JSON values, and the gate's words."""

    profile: Profile
    files: Mapping[str, Path]
    record: Mapping[str, Any]
    report: str


def compiled(
    baseline: BaselineArtefact, wanted: Mapping[str, Bounds], calibrate: Path | None, limit: int | None
) -> Compiled:
    """Choose the profile of an artefact, write it beside the graph, and let TensorRT build them where it is installed.

    Args:
        wanted: axis -> its sizes; the other axes take theirs from the samples, else from the model.
        calibrate, limit: the file of samples whose lengths count, and how many of them.

    Raises:
        OptionError: the wanted profile does not fit.
        GateError: TensorRT cannot build it.
    """
    task, settings, artefact = baseline.task, baseline.record.settings, baseline.artefact
    samples = read_samples(calibrate, task, settings, baseline.text, limit) if calibrate else None
    rows = baseline.rows(samples.requests) if samples else ()
    inputs = [spec for graph in artefact.graphs for spec in graph.inputs]
    profile = profile_of(inputs, baseline.text.max_length, wanted, rows)
    sizes = baseline.record.sizes
    path, content = baseline.directory / profile_file(artefact.target), render(artefact, profile, sizes)
    path.write_text(content, "utf-8")
    report = check_engine(baseline.directory, artefact, profile, sizes)
    return Compiled(profile, {path.name: path}, json.loads(content), report)


def build_engines(bundle: Bundle, profiles: Mapping[str, Profile], folder: Path) -> tuple[Path, ...]:
    """Build the engines of a written bundle on this machine's GPU, into `folder`; the files that were written.

    Args:
        profiles: target -> its profile.

    Raises:
        OptionError: TensorRT or the GPU is missing.
        GateError: TensorRT cannot build one.
    """
    trt, capability = require_tensorrt()
    written: list[Path] = []
    for artefact in bundle.manifest.artefacts:
        if artefact.target in profiles:
            for graph in artefact.graphs:
                shapes = shapes_of(graph, profiles[artefact.target], bundle.manifest.sizes)
                written += write_plan(trt, capability, bundle.directory / graph.file, shapes, folder)
    return tuple(dict.fromkeys(written))
