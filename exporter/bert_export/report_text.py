"""The report of an export as plain lines, where rich is not installed."""

from __future__ import annotations

from collections.abc import Iterator

from bert_export.report import ExportReport


def lines(report: ExportReport) -> Iterator[str]:
    """What was made and what the gates found; `--json` has all of it."""
    yield from (f"note: {note}" for note in report.notes)
    for artefact in report.artefacts:
        parity, int8 = artefact.parity, artefact.int8
        if parity is not None:
            largest = max((check.max_difference for check in parity.checks), default=0.0)
            yield (
                f"{parity.target} {parity.precision}: largest difference from torch {largest:.1e} in "
                f"{len(parity.checks)} comparisons, tolerance {parity.tolerance}: passed"
            )
        if int8 is not None:
            agreement = int8.agreement
            interval = f"{agreement.value:.4f} ({agreement.low:.4f} to {agreement.high:.4f})"
            yield f"int8, {int8.quantization['plan']}: same answers as fp32 {interval} on {int8.judged_on} requests"
    if report.pruning is not None:
        kept = report.pruning["kept"]
        yield f"pruned to {kept['products']:.0%} of the products: {kept['accuracy']['words']}"
    yield from (f"built: {path}" for path in report.engines)
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items())
    yield f"{report.task}: {report.bundle} ({report.size / 1e6:.1f} MB; {times})"
