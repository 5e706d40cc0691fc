"""Which activations of the demo head int8 hurts.

    python -m benchmarks.int8_sensitivity --requests questions.jsonl --calibrate others.jsonl

Each activation alone gets one static scale; the rest stays fp32. Measurements: {"point", "divergence"}: of the outputs
from fp32's, the worst first. Beside the results stands a plot, one bar for each.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.int8 import fp32_bundle, read_records
from benchmarks.latency import WORK
from benchmarks.results import save
from bert_calibration.accuracy import Drop
from bert_calibration.baseline import BaselineArtefact
from bert_calibration.measure import VariantBuilder
from bert_calibration.plans import PERFORMANCE
from bert_calibration.quantize import Evidence, calibrate
from bert_calibration.sensitivity import picture, rank
from bert_export.options import ExportOptions

NOTHING = Drop("nothing", 0.0, 0.0, 0.0, 1)
"""Nothing is judged here."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and keep the result and the plot."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--requests", type=Path, required=True)
    flags.add_argument("--calibrate", type=Path, required=True)
    flags.add_argument("--task", default="question-answering", help="a task with a demo checkpoint")
    parsed = flags.parse_args(arguments)
    baseline = BaselineArtefact.of(
        fp32_bundle(WORK / "int8" / parsed.task / "bundle", ExportOptions(task=parsed.task)), "cpu"
    )
    asked = baseline.requests(read_records(parsed.requests))
    evidence = Evidence(baseline.requests(read_records(parsed.calibrate)), asked, lambda _one, _other: NOTHING)
    builder = VariantBuilder(baseline, calibrate(baseline, evidence, "smooth"), WORK / "int8" / "sensitivity.onnx")
    with builder.measuring(asked, evidence.judge) as measures:
        ranking = rank(PERFORMANCE, builder.points, measures.divergence)
    path = save("int8_divergence", parsed.task, 2, [dataclasses.asdict(each) for each in ranking])
    title = "divergence of the outputs with one activation in int8, one static scale"
    path.with_suffix(".svg").write_text(picture(ranking, title), encoding="utf-8")
    print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
