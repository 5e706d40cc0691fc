"""Every hostile bundle of the Python tests is given to the C++ runtime as well: an error of the same codes and fields.

The tests of tests/runtime/hostile run once more; whatever they read or load, the C++ runtime reads or loads too, and
both must come to the same end.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.faults import faults_of

import bert_runtime
from bert_runtime import bundle, manifest_json, onnx_file
from bert_runtime.errors import BertError
from bert_runtime.onnx_file import OnnxFile

HOSTILE = Path(__file__).parents[1] / "runtime" / "hostile"
LEAST = 2000
"""How many comparisons there are at least: most are the rounds of the fuzz tests."""


class Peer:
    """The C++ runtime, asked one file at a time."""

    def __init__(self, program: Path, scratch: Path) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._scratch = scratch
        self.asked = 0

    def outcome(self, verb: str, what: Path | bytes) -> object:
        """`fine` or what was read, or an error: its class, [code, field] of each problem, and its text."""
        assert self._process.stdin
        assert self._process.stdout
        path = what if isinstance(what, Path) else self._scratch
        if isinstance(what, bytes):
            path.write_bytes(what)
        self._process.stdin.write(json.dumps({"verb": verb, "path": str(path)}).encode() + b"\n")
        self._process.stdin.flush()
        self.asked += 1
        answer: object = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process; it must not have crashed."""
        self._process.communicate()
        assert self._process.returncode == 0


class BothLanguages:
    """A plugin: readers of the Python runtime that ask the C++ runtime too."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    @pytest.fixture(autouse=True)
    def both(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every reader that the tests call."""
        readers = {"load": (bert_runtime, "load"), "read": (bundle, "read"), "graph": (onnx_file, "read")}
        for verb, (module, name) in {**readers, "manifest": (manifest_json, "parse")}.items():
            monkeypatch.setattr(module, name, self._in_both(verb, getattr(module, name)))

    def _in_both(self, verb: str, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def reading(what: Any) -> Any:
            theirs = self._peer.outcome(verb, what)
            value, error = _read(read, what)
            ours = _reading(value) if isinstance(value, OnnxFile) else "fine"
            if error is not None:
                assert isinstance(theirs, list)
                kind, faults, words = theirs
                assert (kind, faults) == (type(error).__name__, faults_of(error)), (words, str(error))
                raise error
            assert theirs == ours
            return value

        return reading


def _reading(found: OnnxFile) -> list[object]:
    """What a graph says of itself, as the C++ program prints it."""
    inputs, outputs = (
        [[tensor.name, tensor.dtype, None if tensor.shape is None else list(tensor.shape)] for tensor in tensors]
        for tensors in (found.inputs, found.outputs)
    )
    external = [[each.tensor, each.location, each.offset, each.length] for each in found.external]
    return [found.opset, inputs, outputs, sorted(found.initializers), external, sorted(found.operators)]


def _read(read: Callable[[Any], Any], what: Any) -> tuple[Any, BertError | None]:
    try:
        return read(what), None
    except BertError as error:
        return None, error


@pytest.fixture
def peer(program: Callable[[str], Path], tmp_path: Path) -> Iterator[Peer]:
    """The C++ runtime as a process of its own."""
    running = Peer(program("bundle_peer"), tmp_path / "content")
    yield running
    running.close()


def test_a_hostile_bundle_gets_the_same_error_in_both_languages(peer: Peer) -> None:
    options = ["--quiet", "--no-header", "--import-mode=importlib", "-p", "no:cacheprovider", "--tb=short"]
    code = pytest.main([*options, "--confcutdir", str(HOSTILE), str(HOSTILE)], plugins=[BothLanguages(peer)])

    assert code == 0
    assert peer.asked > LEAST
