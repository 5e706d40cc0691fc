"""The report of an export, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from bert_calibration.accuracy import Verdict
from bert_export.report import ArtefactReport, ExportReport
from bert_export.tuning import report_table as tuning_table

if TYPE_CHECKING:
    from bert_export.int8 import Int8Report
    from bert_export.verify.report import Parity


class ReportConsole(Console):
    """Rich leaves the program with 1 when the reader goes away, which here means that a gate failed."""

    def on_broken_pipe(self) -> None:
        """Let the command choose its exit code."""
        raise BrokenPipeError


def show(report: ExportReport, console: Console | None = None) -> None:
    """Print what was made, what the gates found, and the time of each stage."""
    console = console or ReportConsole(highlight=False)
    for note in report.notes:
        console.print(f"note: {note}", style="yellow", markup=False)
    _show_checkpoint(report, console)
    for artefact in report.artefacts:
        if artefact.parity is not None:
            _show_parity(artefact, artefact.parity, console)
        if artefact.int8 is not None:
            _show_int8(artefact.int8, console)
        if artefact.kernels:
            console.print(artefact.kernels, markup=False)
        if artefact.sequence_packing is not None:
            console.print(str(artefact.sequence_packing), markup=False, soft_wrap=True)
        if artefact.profile is not None:
            _show_profile(artefact.profile, console)
    if report.pruning is not None:
        _show_pruning(report.pruning, console)
    if report.tuning is not None:
        tuning_table.show(report.tuning, str(report.bundle), console)
    for path in report.engines:
        console.print(f"built: {path}", markup=False, soft_wrap=True)
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items())
    console.print(f"{report.task}: {report.bundle} ({report.size / 1e6:.1f} MB; {times})", markup=False, soft_wrap=True)


def _show_checkpoint(report: ExportReport, console: Console) -> None:
    """What was read of which file, and that the tokenizer is the checkpoint's."""
    for file, keys in report.read.items():
        console.print(f"read {file}: {', '.join(keys) or 'nothing'}", markup=False, soft_wrap=True)
    if report.text is not None:
        text = report.text
        console.print(
            f"{text.texts} texts and {text.pairs} pairs have the ids of the checkpoint's own tokenizer "
            f"({text.tokenizer}), cut to {text.longest} tokens",
            markup=False,
            soft_wrap=True,
        )


def _show_parity(artefact: ArtefactReport, parity: Parity, console: Console) -> None:
    """The fusion counts, and the parity gate's comparisons."""
    fused = ", ".join(f"{name} {count}" for name, count in artefact.fusions.items()) or "none"
    kept = f"; in single precision: {artefact.kept}" if artefact.kept else ""
    masks = "" if parity.mask == "any" else f", {parity.mask} masks"
    console.print(f"{parity.target} {parity.precision}{masks}: fused {fused}{kept}", markup=False)
    table = Table(title=f"torch fp32 against the {parity.target} artefact{masks}", title_justify="left")
    for column in ("compared", "cases", "largest difference", "same answers"):
        table.add_column(column, justify="left" if column == "compared" else "right")
    for check in parity.checks:
        same = "" if check.same_answers is None else f"{check.same_answers} of {check.cases}"
        table.add_row(check.name, str(check.cases), f"{check.max_difference:.1e}", same)
    console.print(table)
    console.print(f"tolerance {parity.tolerance}: passed", markup=False)
    if parity.verdict:
        console.print(parity.verdict, markup=False, soft_wrap=True)


def _show_profile(profile: Mapping[str, Any], console: Console) -> None:
    """The sizes of each axis, and how to build the engine with them."""
    axes = ", ".join(f"{axis} {each['min']}:{each['opt']}:{each['max']}" for axis, each in profile["axes"].items())
    console.print(f"profile, from {profile['origin']}: {axes}", markup=False)
    for graph in profile["graphs"]:
        console.print(graph["trtexec"], markup=False, soft_wrap=True)


def _show_pruning(pruning: Mapping[str, Any], console: Console) -> None:
    """Every point that was tried, and what is left of each layer of the one that is kept."""
    kept = pruning["kept"]
    table = Table(title=f"pruned, {pruning['judged_on']} requests judged", title_justify="left")
    for column in ("speed asked", "measured", "products", "drop", "95% interval", "verdict"):
        table.add_column(column, justify="left" if column == "verdict" else "right")
    for point in pruning["points"]:
        accuracy = point["accuracy"]
        table.add_row(
            f"{point['asked']:.2f}x",
            "" if point["speed"] is None else f"{point['speed']:.2f}x",
            f"{point['products']:.0%}",
            f"{accuracy['drop']:.4f}",
            f"{accuracy['low']:.4f} to {accuracy['high']:.4f}",
            accuracy["verdict"] + (", kept" if point["asked"] == kept["asked"] else ""),
        )
    console.print(table)
    for layer in kept["layers"]:
        console.print(
            f"layer {layer['layer']}: {layer['heads']} of {layer['of_heads']} heads, {layer['neurons']} of "
            f"{layer['of_neurons']} neurons",
            markup=False,
        )


def _show_int8(int8: Int8Report, console: Console) -> None:
    """The plan, what it costs, and what was tried."""
    made = int8.quantization
    operators = ", ".join(f"{name} {count}" for name, count in made["operators"].items())
    console.print(f"int8, plan {made['plan']} ({made['method']}): {operators}", markup=False)
    console.print(f"kept in floating point: {', '.join(made['kept']) or 'nothing'}", markup=False)
    table = Table(title=f"int8 against fp32, {int8.judged_on} requests", title_justify="left")
    for column in ("metric", "int8", "change", "95% interval"):
        table.add_column(column, justify="left" if column == "metric" else "right")
    changes = {change.metric: change for change in int8.changes}
    for quality in int8.metrics:
        change = changes.get(quality.metric)
        report = ("", "") if change is None else (f"{change.value:+.4f}", f"{change.low:+.4f} to {change.high:+.4f}")
        table.add_row(quality.metric, f"{quality.value:.4f}", *report)
    agreement = int8.agreement
    table.add_row("same answers as fp32", f"{agreement.value:.4f}", "", f"{agreement.low:.4f} to {agreement.high:.4f}")
    console.print(table)
    is_met = int8.accuracy["verdict"] == Verdict.MET.value
    console.print(int8.accuracy["words"], style="bold" if is_met else "bold yellow", markup=False, soft_wrap=True)
    for trial in made["trials"]:
        speed = "" if trial["speed"] is None else f", {trial['speed']:.2f}x the speed of fp32 here"
        drop = "not judged" if trial["drop"] is None else f"drop {trial['drop']:.4f}"
        shown = f"{len(trial['kept'])} kept: divergence {trial['divergence']:.2e}, {drop}{speed}"
        console.print(f"tried {trial['plan']}, {shown}", markup=False)
    for note in made["notes"]:
        console.print(f"note: {note}", style="yellow", markup=False)
