"""The runtime's tests read graphs that were made where the onnx package is."""

from __future__ import annotations

from tests.table_graphs import FOLDER, graphs


def test_the_committed_graphs_are_those_that_the_script_writes() -> None:
    assert {path.stem: path.read_bytes() for path in FOLDER.glob("*.onnx")} == graphs()
