"""The C++ runtime's programs, built by `make cpp`: a test that needs one is skipped where nothing is built."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import onnxruntime
import pytest
from tests.cpp.forked import ForkedCommand
from tests.cpp.peer import Peer

BUILD = Path(os.environ.get("BERT_RUNTIME_BUILD", Path(__file__).parents[2] / "build" / "cpp")).resolve()
EXAMPLE = BUILD.parent / "cpp-example"
LIBRARY = "BERT_RUNTIME_ONNXRUNTIME"
Run = Callable[..., tuple[int, str, str]]
"""A command: exit code, standard output, standard error."""

MUST_RUN = "BERT_RUNTIME_BUILD" in os.environ or os.environ.get("CI") == "true"


@pytest.fixture(scope="session", autouse=True)
def onnxruntime_library() -> None:
    """The C++ runtime opens the ONNX Runtime that Python uses, unless the environment names another."""
    folder = Path(onnxruntime.__file__).parent / "capi"
    os.environ.setdefault(LIBRARY, str(next(folder.glob("libonnxruntime.so.*"))))


@pytest.fixture(scope="session")
def program() -> Callable[[str], Path]:
    """The path of a program of runtime/cpp/tests/programs, or of the command."""

    def find(name: str) -> Path:
        found = [path / name for path in (BUILD / "tests", BUILD, EXAMPLE) if (path / name).is_file()]
        if not found and MUST_RUN:
            pytest.fail(f"{name} is not built in {BUILD}; run `make cpp`")
        if not found:
            pytest.skip(f"{name} is not built; run `make cpp`")
        return found[0]

    return find


@pytest.fixture(scope="session")
def ask(program: Callable[[str], Path]) -> Callable[..., list[str]]:
    """Run a program with JSON values as the lines of its input; returns the lines of its output."""

    def run(name: str, values: list[object], *arguments: str) -> list[str]:
        lines = "".join(json.dumps(value) + "\n" for value in values)
        done = subprocess.run(
            [program(name), *arguments], input=lines.encode("ascii"), capture_output=True, check=True, timeout=600
        )
        return done.stdout.decode("utf-8").split("\n")[:-1]

    return run


@pytest.fixture(scope="session")
def peer(program: Callable[[str], Path]) -> Peer:
    """Answers of the C++ tokenizer for a tokenizer.json."""
    return Peer(program("tokenizer_peer"))


def _run(command: Sequence[str], text: str) -> tuple[int, str, str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=False, env=environment, timeout=300)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@pytest.fixture(scope="session")
def cpp(program: Callable[[str], Path]) -> Run:
    """The C++ command."""
    path = str(program("bert_run"))
    return lambda *arguments, text="": _run([path, *arguments], text)


@pytest.fixture(scope="session")
def python() -> Iterator[Run]:
    """The Python command."""
    command = ForkedCommand()
    yield command
    command.close()
