"""What `bert-doctor` says: a report as a value, and that value as lines for people."""

from __future__ import annotations

import importlib.util
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TextIO

from bert_runtime.backends.select import decide
from bert_runtime.bundle import Bundle
from bert_runtime.cli.canary_report import CanaryReport, ask_canaries, canary_findings
from bert_runtime.cli.display import WIDTH
from bert_runtime.cli.printable import printable
from bert_runtime.machine.diagnose import diagnose
from bert_runtime.machine.finding import Finding, Level
from bert_runtime.machine.requirements import missing_requirements
from bert_runtime.machine.system import System
from bert_runtime.manifest import Manifest
from bert_runtime.targets import AUTO, BY_PREFERENCE


@dataclass(frozen=True)
class TargetReport:
    """A target, whether an engine for it can be started here, and what it lacks where not."""

    target: str
    runs: bool
    missing: tuple[Finding, ...]


@dataclass(frozen=True)
class AutoReport:
    """What `auto` would choose: of the bundle, or where none is given of one that held every target in one precision.

    Attributes:
        target: where it would run; None where nothing would.
        artefact: the artefact's target and precision, of a bundle; of two that differ in their masks, both masks.
    """

    target: str | None
    artefact: str | None
    reason: str


@dataclass(frozen=True)
class Report:
    """All that the doctor found.

    Attributes:
        faults: how many findings are faults.
        canaries: how the artefacts of a bundle answer here what torch has answered.
    """

    machine: Mapping[str, str]
    packages: Mapping[str, str]
    targets: tuple[TargetReport, ...]
    auto: AutoReport
    findings: tuple[Finding, ...]
    faults: int
    canaries: tuple[CanaryReport, ...] = ()


def examine(system: System, manifest: Manifest | None) -> Report:
    """Judge a machine, and what a bundle's artefacts find on it."""
    missing = {target.name: missing_requirements(system, target.name) for target in BY_PREFERENCE}
    targets = tuple(TargetReport(target, not found, found) for target, found in missing.items())
    findings = diagnose(system)
    if manifest is None:
        auto = _auto(targets)
    else:
        auto, own = _auto_of(manifest, system)
        findings = [*own, *findings]
    faults = sum(finding.level is Level.FAULT for finding in findings)
    return Report(_machine(system), system.packages, targets, auto, tuple(findings), faults)


def with_canaries(report: Report, bundle: Bundle) -> Report:
    """The report, once the bundle's artefacts were asked its canaries.

    Raises:
        BundleError: the canaries break the format.
    """
    canaries = ask_canaries(bundle, {each.target for each in report.targets if each.runs})
    found = canary_findings(canaries)
    findings = (*found, *report.findings)
    return replace(report, canaries=canaries, findings=findings, faults=report.faults + len(found))


def show_report(report: Report, stream: TextIO) -> None:
    """Print the report for people: in colours where the stream is a terminal and rich is installed."""
    if stream.isatty() and importlib.util.find_spec("rich") is not None:
        from rich.console import Console  # noqa: PLC0415 - an extra, and only where something is shown
        from rich.text import Text  # noqa: PLC0415 - without it, [brackets] in a text would be markup

        console = Console(file=stream, highlight=False)
        for style, line in _lines(report):
            console.print(Text(_within(line, console.width), style), soft_wrap=True)
    else:
        for _, line in _lines(report):
            print(_within(line, WIDTH), file=stream)


def _within(line: str, width: int) -> str:
    """The line, broken between words; what follows is indented further."""
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line,
        width,
        drop_whitespace=True,
        subsequent_indent=indent + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _auto(targets: tuple[TargetReport, ...]) -> AutoReport:
    chosen = next((each.target for each in targets if each.runs), None)
    if chosen is None:
        return AutoReport(None, None, "no target runs here")
    order = ", ".join(target.name for target in BY_PREFERENCE)
    return AutoReport(chosen, None, f"the first that runs here of {order}, in a bundle with all of them")


def _auto_of(manifest: Manifest, system: System) -> tuple[AutoReport, list[Finding]]:
    choice = decide(manifest, AUTO, system)
    masks = "" if choice.right_padded is None else f", {choice.right_padded.mask} and {choice.artefact.mask} masks"
    artefact = f"{choice.artefact.target} {choice.artefact.precision}{masks}"
    found = [] if not choice.warning else [Finding(Level.FAULT, choice.warning, choice.fix)]
    return AutoReport(choice.active_target, artefact, choice.reason), found


def _machine(system: System) -> dict[str, str]:
    limits, driver = system.limits, system.driver
    quota = "no quota" if limits.quota is None else f"the time of {limits.quota:g}"
    memory = "no limit" if limits.memory is None else f"{limits.memory / 1e9:.1f} GB"
    gpus = driver.gpus if driver else ()
    shown = {
        f"gpu {i}": f"{gpu.name}, compute capability {gpu.capability[0]}.{gpu.capability[1]}, {gpu.memory / 1e9:.0f} GB"
        for i, gpu in enumerate(gpus)
    }
    return {
        "cpu": system.cpu.model,
        "instruction sets": ", ".join(system.cpu.features) or "none that matter here",
        "cpus": f"{limits.affinity} of {limits.host}, {quota}",
        "memory": memory,
        "driver": f"CUDA {driver.cuda[0]}.{driver.cuda[1]}" if driver else "none",
        **(shown or {"gpu": "none"}),
    }


def _lines(report: Report) -> Iterator[tuple[str, str]]:
    """Style and text of each line."""
    for title, pairs in (("machine", report.machine), ("packages", report.packages)):
        yield "bold", title
        width = max(map(len, pairs), default=0)
        for name, value in pairs.items():
            yield "", f"  {name:{width}}  {printable(value)}"
    yield "bold", "targets"
    for each in report.targets:
        yield ("green" if each.runs else ""), f"  {each.target:8}  {'runs here' if each.runs else 'does not run here'}"
        for finding in each.missing:
            yield from _finding(finding, "    ")
    auto = report.auto
    chosen = f"auto takes {auto.target or 'nothing'}" + (f" (the bundle's {auto.artefact})" if auto.artefact else "")
    # What keeps those that come before from running is said above, target by target.
    yield "bold", f"{chosen}: {printable(auto.reason.partition('; ')[0])}"
    if report.canaries:
        yield "bold", "canaries"
    for canary in report.canaries:
        style = {True: "green", False: "red", None: ""}[canary.holds]
        yield style, f"  {canary.target:8}  {canary.precision} {printable(canary.verdict)}"
    yield ("bold red" if report.faults else "bold green"), _verdict(report.faults)
    for finding in report.findings:
        yield from _finding(finding, "  ")


def _verdict(faults: int) -> str:
    if not faults:
        return "nothing is wrong"
    return "1 thing is wrong" if faults == 1 else f"{faults} things are wrong"


def _finding(finding: Finding, indent: str) -> Iterator[tuple[str, str]]:
    is_fault = finding.level is Level.FAULT
    yield ("red" if is_fault else ""), f"{indent}{finding.level}: {printable(finding.what)}"
    yield "dim", f"{indent}  fix: {printable(finding.fix)}"
