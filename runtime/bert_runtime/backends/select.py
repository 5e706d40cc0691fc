"""Which artefact of a bundle runs here: the best one that this machine can really run, or the one that was named."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from bert_runtime.backends.engine import Engine
from bert_runtime.backends.options import EngineOptions
from bert_runtime.errors import BackendError
from bert_runtime.machine.finding import Finding
from bert_runtime.machine.requirements import missing_requirements
from bert_runtime.machine.system import Probe, System, this_system
from bert_runtime.manifest import Artefact, Manifest, TargetArtefacts
from bert_runtime.targets import AUTO, BY_NAME, CPU, GPU_TARGETS, TARGETS, Target

Start = Callable[[Path, Artefact, EngineOptions], Engine]
"""(the bundle's directory, artefact, options) -> the engine, loaded."""


def _start(target: Target) -> Start:
    """What starts the target's engine. The backend is imported when it starts one: most are never used."""

    def start(directory: Path, artefact: Artefact, options: EngineOptions) -> Engine:
        begin: Start = import_module(f"{__package__}.{target.backend}").start
        return begin(directory, artefact, options)

    return start


ENGINES: Mapping[str, Start] = {target.name: _start(target) for target in TARGETS}
"""Target -> what starts its engine."""

FASTEST_FIRST = ("int8", "bf16", "fp32", "fp16")
"""Precisions in the order of their speed on a CPU."""


@dataclass(frozen=True)
class Choice:
    """An artefact, and what starts an engine for it: its target's, or ONNX Runtime where that engine is missing.

    Attributes:
        active_target, reason: see LoadedArtefact.
        right_padded: an artefact that is faster and runs beside it, for the masks that it answers; None where none is.
        warning: what a user should know of it; empty where there is nothing. `fix` is what to do about that.
        fallback: what `auto` takes if this engine cannot be started; None where that is an error.
    """

    artefact: Artefact
    start: Start
    active_target: str
    reason: str
    right_padded: Artefact | None = None
    warning: str = ""
    fix: str = ""
    fallback: Choice | None = None


def select(manifest: Manifest, target: str) -> Choice:
    """The artefact for `target` on this machine; see `decide`. Warns, in the name of the caller of `load`."""
    choice = decide(manifest, target, _machine(manifest, target))
    if choice.warning:
        warnings.warn(choice.warning, stacklevel=4)
    return choice


def decide(manifest: Manifest, target: str, system: System) -> Choice:
    """The artefact for `target`; `auto` takes the best that runs on the machine, and warns if a better one does not.

    `auto` tries tensorrt, then cuda, each with its own artefact, then the CPU's: the fastest precision, of equal
    precisions openvino, cpu, portable.

    Raises:
        BackendError: the bundle holds no artefact for a named target, or the machine lacks what it needs, with all of
            it. A named target never falls back to another.
    """
    held = manifest.by_target
    if target == AUTO:
        return _automatic(manifest, held, system)
    if target not in held:
        raise BackendError(
            f"target {target!r} was asked for, but the bundle holds {', '.join(held)}; load one of these or "
            f"export it again with --target {target}"
        )
    if BY_NAME[target].is_on_gpu:
        missing = missing_requirements(system, target)
        if missing:
            raise BackendError(f"target {target!r}: {_joined(missing)}; or load another target")
        return _on_gpu(held[target], target, "it was named")
    return Choice(held[target].artefact, ENGINES[target], target, "it was named")


def start(directory: Path, artefact: Artefact, threads: int, cache: Path | None = None) -> Engine:
    """The artefact on this CPU: a CPU target's own engine, or ONNX Runtime's CPU provider for a GPU's target."""
    begin = ENGINES[CPU.name if BY_NAME[artefact.target].is_on_gpu else artefact.target]
    return begin(directory, artefact, EngineOptions(threads, cache))


def _machine(manifest: Manifest, target: str) -> System:
    """As much of this machine as the choice depends on: reading it takes time, starting a driver even more."""
    held = {BY_NAME[artefact.target] for artefact in manifest.artefacts}
    asked = held if target == AUTO else {each for each in held if each.name == target}
    if any(each.is_on_gpu for each in asked):
        return this_system(Probe())
    if target == AUTO and any(each.module != CPU.module for each in asked):
        return this_system(Probe(driver=lambda: None))
    return System()


def _on_gpu(held: TargetArtefacts, target: str, reason: str) -> Choice:
    """With the artefact for right-padded masks, if there is one. A CPU is no faster with it, and does without."""
    if held.right_padded is not None:
        reason += f"; {held.right_padded.file} answers right-padded masks, and {held.artefact.file} any other"
    return Choice(held.artefact, ENGINES[target], target, reason, held.right_padded)


def _automatic(manifest: Manifest, held: Mapping[str, TargetArtefacts], system: System) -> Choice:
    choice = _best(manifest, system)
    asked = [target.name for target in GPU_TARGETS if target.name in held]
    missing = {target: missing_requirements(system, target) for target in asked}
    passed = {target: found for target, found in missing.items() if found}
    why = [f"{target} cannot run here: {_joined(found)}" for target, found in passed.items()]
    choice = replace(choice, reason="; ".join([choice.reason, *why]))
    for target in reversed([target for target in asked if target not in passed]):
        reason = "; ".join(["it is the first that auto tries of those that run here", *why])
        choice = replace(_on_gpu(held[target], target, reason), fallback=choice)
    if not why or not (system.driver or system.nvidia_hardware):
        return choice  # a machine without a GPU is no reason to warn of a GPU's artefact
    warning = "; ".join([choice.warning or f"{_named(choice.artefact)} runs", *why])
    fix = "; ".join(dict.fromkeys(finding.fix for found in passed.values() for finding in found))
    return replace(choice, warning=warning, fix=fix)


def _best(manifest: Manifest, system: System) -> Choice:
    """The best artefact for the CPU, or the first one where none is for the CPU."""
    on_cpu = [held.artefact for target, held in manifest.by_target.items() if not BY_NAME[target].is_on_gpu]
    ranked = sorted(on_cpu, key=_rank)
    # If ONNX Runtime is missing, the engine's start raises an error of its own.
    missing = [each for each in ranked if _other_engine(each) and missing_requirements(system, each.target)]
    present = [artefact for artefact in ranked if artefact not in missing]
    install = f"run `pip install 'bert-export[{BY_NAME[missing[0].target].extra}]'`" if missing else ""
    if not present:
        return _on_onnxruntime(manifest, install)
    taken = present[0]
    choice = Choice(taken, ENGINES[taken.target], taken.target, f"{_named(taken)} is the fastest of the CPU's here")
    if not missing or _rank(missing[0]) > _rank(taken):
        return choice
    warning = (
        f"the bundle's {_named(missing[0])} artefact is faster, but the package of its engine is not installed: "
        f"{_named(taken)} runs; {install}, or name the target {taken.target}"
    )
    return replace(choice, warning=warning, fix=install)


def _other_engine(artefact: Artefact) -> bool:
    return BY_NAME[artefact.target].module != CPU.module


def _on_onnxruntime(manifest: Manifest, install: str) -> Choice:
    """A file made for an engine that is not here, on ONNX Runtime's CPU provider."""
    artefact = next(iter(manifest.by_target.values())).artefact
    held = ", ".join(manifest.by_target)
    fix = f"; {install} for the engine that it was made for" if install else ""
    warning = (
        f"the bundle holds only {held}; its {artefact.target} file runs on ONNX Runtime's CPU provider here,"
        f" slower than `bert-export --target cpu` would make it{fix}"
    )
    reason = f"the bundle holds only {held}, and {_named(artefact)} runs on ONNX Runtime's CPU provider"
    return Choice(
        artefact,
        ENGINES[CPU.name],
        CPU.name,
        reason,
        warning=warning,
        fix=install or f"export the bundle with --target {CPU.name} as well",
    )


def _rank(artefact: Artefact) -> tuple[int, int]:
    return FASTEST_FIRST.index(artefact.precision), BY_NAME[artefact.target].auto_rank


def _named(artefact: Artefact) -> str:
    return f"{artefact.target} {artefact.precision}"


def _joined(findings: tuple[Finding, ...]) -> str:
    return "; ".join(map(str, findings))
