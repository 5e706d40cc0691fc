"""The report of an export, for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from bert_export.export import ExportReport


class ReportConsole(Console):
    """Rich leaves the program with 1 when the reader goes away, which here means that a gate failed."""

    def on_broken_pipe(self) -> None:
        """Let the command choose its exit code."""
        raise BrokenPipeError


def show(report: ExportReport, console: Console | None = None) -> None:
    """Print what was made, the fusion counts, the parity gate's comparisons and the time of each stage."""
    console = console or ReportConsole(highlight=False)
    for note in report.notes:
        console.print(f"note: {note}", style="yellow", markup=False)
    for artefact in report.artefacts:
        fused = ", ".join(f"{name} {count}" for name, count in artefact.fusions.items()) or "none"
        kept = f"; in single precision: {artefact.kept}" if artefact.kept else ""
        console.print(f"{artefact.parity.target} {artefact.parity.precision}: fused {fused}{kept}", markup=False)
        if artefact.kernels:
            console.print(artefact.kernels, markup=False)
        table = Table(title=f"torch fp32 against the {artefact.parity.target} artefact", title_justify="left")
        for column in ("compared", "cases", "largest difference", "same answers"):
            table.add_column(column, justify="left" if column == "compared" else "right")
        for check in artefact.parity.checks:
            same = "" if check.same_answers is None else f"{check.same_answers} of {check.cases}"
            table.add_row(check.name, str(check.cases), f"{check.max_difference:.1e}", same)
        console.print(table)
        console.print(f"tolerance {artefact.parity.tolerance}: passed", markup=False)
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items())
    console.print(f"{report.task}: {report.bundle} ({report.size / 1e6:.1f} MB; {times})", markup=False, soft_wrap=True)
