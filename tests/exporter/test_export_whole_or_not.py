"""A bundle is written whole or not at all: failed gates, interruptions and taken places leave all as it was."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir
import pytest
from tests.exporter.conftest import TinyBundle, TinyCheckpoint
from tests.exporter.exports import contents, options

from bert_export import artefact_builder as builder_module
from bert_export import artefacts as artefacts_module
from bert_export.errors import CheckpointError, GateError, OptionError
from bert_export.exporting import export
from bert_export.saving import save


@pytest.fixture
def broken(tiny_bundle: TinyBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every graph is written with one number of a weight changed; a good bundle was made before."""
    tiny_bundle("question-answering", False)

    def wrong(model: ir.Model, path: Path, largest: int) -> list[str]:
        bias = model.graph.initializers["qa_outputs.bias"]
        assert bias.const_value is not None
        values = bias.const_value.numpy().copy()
        values[0] += 0.01
        bias.const_value = ir.tensor(values, name=bias.name)
        return save(model, path, largest)

    monkeypatch.setattr(artefacts_module, "save", wrong)


@pytest.mark.usefixtures("broken")
def test_a_failed_gate_leaves_nothing_behind(tiny_checkpoint: TinyCheckpoint, tmp_path: Path) -> None:
    with pytest.raises(GateError, match="portable artefact"):
        export(options(tiny_checkpoint("question-answering", {}), tmp_path / "a" / "b"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("broken")
def test_a_failed_gate_leaves_the_old_bundle(
    tiny_bundle: TinyBundle, tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    old = contents(tiny_bundle("question-answering", False).bundle)
    output = tmp_path / "b"
    output.mkdir()
    for name, content in old.items():
        (output / name).write_bytes(content)
    with pytest.raises(GateError):
        export(options(tiny_checkpoint("question-answering", {}), output, force=True))

    assert contents(output) == old
    assert list(tmp_path.iterdir()) == [output]


def test_an_interrupted_export_leaves_nothing(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    def interrupted(*_: object) -> None:
        assert list(temporary.rglob("model.onnx"))
        raise KeyboardInterrupt

    monkeypatch.setattr(builder_module, "verify", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(options(tiny_checkpoint("question-answering", {}), tmp_path / "b"))

    assert list(tmp_path.rglob("*")) == [temporary]


def test_a_taken_place_is_refused_before_anything_is_loaded(tiny_bundle: TinyBundle, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        export(options(tmp_path, tmp_path / "b"))  # what loading says of an empty directory
    with pytest.raises(OptionError, match="is a bundle already; replace it with --force"):
        export(options(tmp_path, tiny_bundle("question-answering", False).bundle))
