"""Commands in processes of their own, with the streams and signals that a shell can give them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PROGRAMS = {
    "bert-run": "bert_runtime.cli",
    "bert-doctor": "bert_runtime.cli.doctor",
    "bert-bench": "bert_runtime.cli.bench",
}
Start = Callable[..., "subprocess.Popen[bytes]"]
Shell = Callable[..., tuple[int, str, str]]


def command_line(name: str, *arguments: object) -> list[str]:
    """A command as this tree has it."""
    return [sys.executable, "-m", PROGRAMS[name], *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """That of the tests, with this tree's runtime."""
    return {**os.environ, "PYTHONPATH": str(ROOT / "runtime"), "OMP_NUM_THREADS": "1", **more}


@pytest.fixture
def start() -> Start:
    """Start a command; keyword arguments are Popen's."""

    def started(name: str, *arguments: object, **pipes: Any) -> subprocess.Popen[bytes]:
        pipes = {"env": environment(), "stderr": subprocess.PIPE, **pipes}
        return subprocess.Popen(command_line(name, *arguments), **pipes)

    return started


@pytest.fixture
def shell() -> Shell:
    """Run a command with redirections of a shell's: exit code, standard output, standard error."""

    def run(name: str, *arguments: object, redirect: str = "", **more: str) -> tuple[int, str, str]:
        line = ["bash", "-c", f'"$@" {redirect}', "bash", *command_line(name, *arguments)]
        done = subprocess.run(line, capture_output=True, check=False, env=environment(**more), timeout=120)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    return run
