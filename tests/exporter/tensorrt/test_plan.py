"""`--build-engine`: what is missing is said before any work, and an engine is written whole: here by TensorRT for RTX,
which builds without a GPU and has the same API, but keeps no timings."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tensorrt_rtx
from tests.exporter.conftest import TinyCheckpoint
from tests.exporter.tensorrt.test_engine_gate import SHAPES, contrib, quantised

from bert_export.cli import main
from bert_export.errors import GateError, OptionError
from bert_export.tensorrt.plan import require_tensorrt, write_plan
from bert_export.tensorrt.profile import Shapes

pytestmark = pytest.mark.filterwarnings("ignore:Use Deprecated in TensorRT-RTX:DeprecationWarning")


def has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


bare = pytest.mark.skipif(
    has_driver() or importlib.util.find_spec("tensorrt") is not None, reason="this machine has a driver or TensorRT"
)


@bare
def test_everything_that_is_missing_is_said_at_once() -> None:
    with pytest.raises(OptionError) as error:
        require_tensorrt()
    assert "the package tensorrt cannot be imported" in str(error.value)
    assert "the driver of an NVIDIA GPU is not here (libcuda.so.1" in str(error.value)
    assert "the line for trtexec is in the bundle's profile.tensorrt.json" in str(error.value)


@bare
def test_the_command_ends_before_it_loads_anything(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--target", "tensorrt:fp16", "--build-engine", str(tmp_path / "engines")]
    assert main(["--model", str(tmp_path / "none"), "-o", str(tmp_path / "b"), *flags]) == 2
    assert "--build-engine: the package tensorrt cannot be imported" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_version_without_strong_types_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    old = ModuleType("tensorrt")
    old.__version__ = "10.11.0.33"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorrt", old)
    with pytest.raises(OptionError, match=r"tensorrt is 10\.11\.0\.33, expected 10\.12 or later, or 11"):
        require_tensorrt()


def test_an_engine_and_its_timings_are_written_whole(tmp_path: Path) -> None:
    graph, folder = quantised(tmp_path, np.float32(0.1), np.int8(0)), tmp_path / "a" / "engines"
    plan, timings = write_plan(tensorrt_rtx, "sm90", graph, SHAPES, folder)

    assert plan.stat().st_size > 1000
    assert sorted(folder.iterdir()) == sorted([plan, timings])
    assert f"tensorrt_rtx-{tensorrt_rtx.__version__}.sm90" in plan.name
    assert write_plan(tensorrt_rtx, "sm90", graph, SHAPES, folder) == (plan, timings), "the cache is read again"


def test_another_profile_or_another_graph_is_another_engine(tmp_path: Path) -> None:
    graph = quantised(tmp_path, np.float32(0.1), np.int8(0))
    first, _ = write_plan(tensorrt_rtx, "sm90", graph, SHAPES, tmp_path / "engines")
    wider, _ = write_plan(tensorrt_rtx, "sm90", graph, {"x": Shapes((1, 8), (2, 8), (5, 8))}, tmp_path / "engines")
    quantised(tmp_path, np.float32(0.2), np.int8(0))
    other, _ = write_plan(tensorrt_rtx, "sm90", graph, SHAPES, tmp_path / "engines")
    assert len({first, wider, other}) == 3


def test_a_failed_build_leaves_no_engine(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="cannot parse it"):
        write_plan(tensorrt_rtx, "sm90", contrib(tmp_path), SHAPES, tmp_path / "engines")
    assert list((tmp_path / "engines").iterdir()) == []
