"""What the activations of a graph really are: one pass of fp32 over calibration data, padding excluded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from bert_calibration.batches import Batch
from bert_calibration.errors import CalibrationError
from bert_calibration.products import QuantizationPoint, find_points
from bert_runtime.backends.onnxruntime import import_onnxruntime
from bert_runtime.cpus import available_cpus

FloatArray = NDArray[np.float32]

SAMPLE = 1024
"""Rows of an activation that are kept for methods which need its distribution, not only its ends."""


@dataclass(frozen=True)
class Activation:
    """The statistics of one activation over all calibration data.

    Attributes:
        low, high: the least and the largest value of each channel: (channels,).
        sample: about SAMPLE rows, evenly over the data: (rows, channels).
        weights: the largest magnitude of the weights that multiply each channel: (channels,), or none of them where the
            weights are a table that others read too.
    """

    low: FloatArray
    high: FloatArray
    sample: FloatArray
    weights: FloatArray


@dataclass
class _Statistics:
    """Grows with each batch."""

    stride: int
    rows: int = 0
    lows: list[FloatArray] = field(default_factory=list)
    highs: list[FloatArray] = field(default_factory=list)
    samples: list[FloatArray] = field(default_factory=list)

    def add(self, values: FloatArray) -> None:
        """Count (rows, channels) in."""
        self.lows.append(values.min(axis=0))
        self.highs.append(values.max(axis=0))
        self.samples.append(values[-self.rows % self.stride :: self.stride].copy())
        self.rows += len(values)

    def done(self, weights: FloatArray) -> Activation:
        low, high = np.min(self.lows, axis=0), np.max(self.highs, axis=0)
        return Activation(low, high, np.concatenate(self.samples), weights)


def observe(path: Path, batches: Sequence[Batch]) -> dict[str, Activation]:
    """QuantizationPoint -> the statistics of its activation, for every point of the graph in the file.

    The same file and data give the same numbers on one machine.

    Raises:
        CalibrationError: an activation is not finite; names each.
    """
    model = ir.load(path)
    points = find_points(model)
    session = _session(model, path, points)
    # Not session.get_inputs(): that leaves out `positions`, which have a default in the graph.
    names = [str(value.name) for value in model.graph.inputs]
    stride = math.ceil(sum(int(batch.tokens.sum()) for batch in batches) / SAMPLE)
    found = {point.name: _Statistics(stride) for point in points}
    for batch in batches:
        outputs = session.run([point.hidden.name for point in points], {name: batch.feeds[name] for name in names})
        _add(found, dict(zip(found, outputs, strict=True)), batch)
    return {point.name: found[point.name].done(point.largest_weights()) for point in points}


def _add(found: Mapping[str, _Statistics], outputs: Mapping[str, FloatArray], batch: Batch) -> None:
    broken = []
    for name, output in outputs.items():
        rows = output.reshape(-1, output.shape[-1])
        rows = rows[batch.kept(len(rows))]
        if not np.isfinite(rows).all():
            broken.append(name)
        else:
            found[name].add(rows)
    if broken:
        raise CalibrationError(
            f"the inputs of {', '.join(broken)} are not finite on the calibration data, expected finite numbers: no"
            " scale fits them; check the checkpoint's weights, or the text that causes it"
        )


def _session(model: ir.Model, path: Path, points: Sequence[QuantizationPoint]) -> Any:
    """The graph with every point's activation among its outputs."""
    own = set(model.graph.outputs)
    model.graph.outputs.extend(point.hidden for point in points if point.hidden not in own)
    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cpus()
    options.log_severity_level = 4
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
    content = ir.to_proto(model).SerializeToString()
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
