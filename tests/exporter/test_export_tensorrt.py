"""A bundle with an artefact for TensorRT: flags, files, what the report says, and int8 of it without a checkpoint."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.exporter.conftest import TinyCheckpoint
from tests.exporter.tensorrt.conftest import write_requests

import bert_runtime
from bert_export.cli import main
from bert_export.errors import GateError, OptionError
from bert_export.exporting import export
from bert_export.options import ExportOptions
from bert_export.passes import PASSES
from bert_export.passes.fuse_gelu import fuse_gelu
from bert_runtime.backends.profile import read_profile

TASK = "text-classification"
PROFILE = "profile.tensorrt.json"


@pytest.fixture(scope="module")
def bundle(tiny_checkpoint: TinyCheckpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """fp32, beside an artefact for the CPU."""
    folder = tmp_path_factory.mktemp("bundles") / "fp32"
    flags = ["--target", "cpu", "--target", "tensorrt", "--profile", "batch=1:2:4,sequence=1:16:64", "--quiet"]
    assert main(["--model", str(tiny_checkpoint(TASK, {})), "-o", str(folder), *flags]) == 0
    return folder


def test_the_profile_is_a_file_of_the_bundle_with_its_digest(bundle: Path) -> None:
    manifest, content = json.loads((bundle / "manifest.json").read_bytes()), (bundle / PROFILE).read_bytes()
    profile = json.loads(content)

    assert manifest["files"][PROFILE] == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert [graph["file"] for graph in profile["graphs"]] == ["model.tensorrt.onnx"]
    assert profile["axes"]["sequence"] == {"min": 1, "opt": 16, "max": 64}
    told = manifest["verification"]["artefacts"][1]
    assert told["parity"]["target"] == "tensorrt"
    assert "parses and builds model.tensorrt.onnx with the profile; unmeasured: speed on a GPU" in told["kernels"]
    with bert_runtime.load(bundle, options=bert_runtime.Options("cpu")) as session:
        assert session({"text": "the movie"}).labels
        inputs = session.artefact.inputs
    read, options = read_profile(bundle / PROFILE), profile["graphs"][0]["onnxruntime"]
    assert read.shapes(inputs) == tuple(options[f"trt_profile_{point}_shapes"] for point in ("min", "opt", "max"))


def test_the_report_tells_how_to_build_the_engine(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_requests(tmp_path / "data.jsonl", TASK)
    flags = ["--target", "tensorrt", "--fp16", "--calibrate", str(data)]
    assert main(["--model", str(tiny_checkpoint(TASK, {})), "-o", str(tmp_path / "b"), *flags]) == 0
    told = capsys.readouterr().out

    assert "trtexec --onnx=model.onnx --stronglyTyped --minShapes=input_ids:1x1," in told
    assert "from the sizes of 40 calibration rows" in told.replace("\n", " ")
    assert "sequence 1:24:160" in told.replace("\n", " ")


def test_a_profile_that_the_head_has_no_axis_for_is_refused_before_tracing(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert_export.pipeline.trace", lambda _: pytest.fail("traced"))
    options = ExportOptions(
        model=str(tiny_checkpoint(TASK, {})),
        targets=("tensorrt",),
        output=tmp_path / "b",
        profile="choices=1:2:3,sequence=1:2:161",
    )
    with pytest.raises(OptionError, match=r"no axis choices; it has batch, sequence; sequence is up to 161"):
        export(options)


def test_what_tensorrt_cannot_build_is_no_bundle(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The graph for the CPU, with ONNX Runtime's own operators, under the name of TensorRT."""
    monkeypatch.setitem(PASSES, "tensorrt", (*PASSES["tensorrt"], fuse_gelu))
    options = ExportOptions(model=str(tiny_checkpoint(TASK, {})), targets=("tensorrt",), output=tmp_path / "b")
    with pytest.raises(GateError, match=r"com\.microsoft\.BiasGelu, expected operators of the ONNX standard alone"):
        export(options)
    assert not (tmp_path / "b").exists()


def test_int8_of_a_bundle_needs_no_torch(bundle: Path, tmp_path: Path) -> None:
    data = write_requests(tmp_path / "data.jsonl", TASK)
    command = ["--bundle", str(bundle), "--int8", "--target", "tensorrt", "--calibrate", str(data), "--max-drop", "1"]
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers'): sys.modules[name] = None\n"
        "from bert_export.cli import main\n"
        f"sys.exit(main({[*command, '-o', str(tmp_path / 'int8')]!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "parses and builds model.onnx" in done.stdout.replace("\n", " ")
    profile = json.loads((tmp_path / "int8" / PROFILE).read_bytes())
    assert [graph["file"] for graph in profile["graphs"]] == ["model.onnx"], "that of the fp32 graph is gone"
    with bert_runtime.load(tmp_path / "int8") as session:
        assert np.isfinite(session({"text": "the movie"}).labels[0].score)
