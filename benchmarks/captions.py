"""What stands over a result: what was measured, on which machine, and with which versions."""

from __future__ import annotations

from benchmarks.machine import Machine
from benchmarks.results import Result


def title(result: Result) -> str:
    """What was measured of what."""
    return f"{result.benchmark.replace('_', ' ')}: {result.subject}"


def machine_line(machine: Machine) -> str:
    """The machine in a sentence."""
    isa = ", ".join(machine.isa) or "no vector extension known here"
    size = f"{machine.cpus} CPUs, {machine.memory} GiB"
    gpus = "".join(f" GPU: {gpu}." for gpu in machine.gpus)
    return f"{machine.cpu} (family/model {machine.family}; {isa}), {size}, {machine.system}.{gpus}"


def circumstances(result: Result) -> str:
    """With which versions and how undisturbed a result was measured."""
    machine = result.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"{result.threads} threads, commit {machine.commit}, Python {machine.python}, {versions}. "
        f"Load average at the end: {machine.load}."
    )
