"""The TensorRT engine, against a stand-in for ONNX Runtime: one engine for a profile, kept under all it depends on."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.runtime.backends.fake_onnxruntime import ARTEFACT, CPU, CUDA, TENSORRT, FakeOnnxRuntime, Part, feeds, network
from tests.runtime.machine.conftest import GPU_SERVER

from bert_runtime.backends import tensorrt
from bert_runtime.backends.options import EngineOptions, GpuOptions
from bert_runtime.backends.profile import Profile
from bert_runtime.backends.tensorrt import EngineKey, TensorRtEngine
from bert_runtime.errors import BackendError
from bert_runtime.machine.system import System

PROFILE = Profile({"batch": (2, 4, 8), "sequence": (4, 16, 32)})
KEY = EngineKey("a model", "101303", "1.31.1", (9, 0), PROFILE.axes)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeOnnxRuntime:
    """A machine with a GPU, whose libnvinfer is a real library that knows no more than its version."""
    module = FakeOnnxRuntime()
    (tmp_path / "model.onnx").write_bytes(b"a graph")
    system = server(tmp_path)
    monkeypatch.setattr(tensorrt, "import_onnxruntime", lambda: module)
    monkeypatch.setattr(tensorrt, "this_system", lambda: system)
    return module


def server(folder: Path) -> System:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is here")
    source, library = folder / "nvinfer.c", folder / "libnvinfer.so.10"
    source.write_text("int getInferLibVersion(void) { return 101303; }\n", encoding="utf-8")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return replace(GPU_SERVER, libraries=dict.fromkeys(GPU_SERVER.libraries, library))


def engine(folder: Path, cache: Path | None = None, gpu: GpuOptions | None = None) -> TensorRtEngine:
    return TensorRtEngine(folder, ARTEFACT, EngineOptions(1, cache, gpu or GpuOptions(profile=PROFILE)))


def test_the_provider_is_told_the_profile_and_no_precision(fake: FakeOnnxRuntime, tmp_path: Path) -> None:
    engine(tmp_path)
    assert [name for name, _ in fake.providers] == [TENSORRT, CUDA, CPU]
    assert fake.providers[0][1] == {
        "device_id": "0",
        "trt_profile_min_shapes": "input_ids:2x4,attention_mask:2x4",
        "trt_profile_opt_shapes": "input_ids:4x16,attention_mask:4x16",
        "trt_profile_max_shapes": "input_ids:8x32,attention_mask:8x32",
    }


def test_with_a_cache_the_engine_lies_in_a_folder_of_its_key(fake: FakeOnnxRuntime, tmp_path: Path) -> None:
    engine(tmp_path, tmp_path / "cache")
    options = fake.providers[0][1]
    (folder,) = (tmp_path / "cache").iterdir()
    assert options["trt_engine_cache_enable"] == options["trt_timing_cache_enable"] == "1"
    assert options["trt_engine_cache_path"] == options["trt_timing_cache_path"] == str(folder)
    engine(tmp_path, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1
    (tmp_path / "model.onnx").write_bytes(b"another graph")
    engine(tmp_path, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, model="another"),
        replace(KEY, tensorrt="101304"),
        replace(KEY, onnxruntime="1.31.2"),
        replace(KEY, capability=(8, 9)),
        replace(KEY, profile={**PROFILE.axes, "batch": (2, 4, 9)}),
    ],
)
def test_whatever_an_engine_depends_on_makes_another_folder(other: EngineKey) -> None:
    assert other.folder != KEY.folder
    assert KEY.folder == replace(KEY, profile=dict(reversed(list(KEY.profile.items())))).folder


@pytest.mark.parametrize(("batch", "sequence", "shape"), [(1, 1, (2, 4)), (3, 2, (3, 4)), (8, 32, (8, 32))])
def test_small_batches_are_padded_into_the_profile(
    batch: int, sequence: int, shape: tuple[int, int], fake: FakeOnnxRuntime, tmp_path: Path
) -> None:
    given = feeds(batch, sequence)
    found = engine(tmp_path).run(given, ["tokens", "logits"])
    for name, expected in network(given).items():
        np.testing.assert_array_equal(found[name], expected)
    assert fake.session.runs == [("0", shape)]


def test_a_batch_above_the_profile_never_reaches_the_provider(fake: FakeOnnxRuntime, tmp_path: Path) -> None:
    running = engine(tmp_path)
    with pytest.raises(BackendError, match="batch 9, expected 8 at most"):
        running.run(feeds(9, 4), ["logits"])
    with pytest.raises(BackendError, match="sequence 33, expected 32 at most"):
        running.run_into(feeds(2, 33), {"logits": np.zeros((2, 2), np.float32)})
    assert fake.session.runs == []


def test_outputs_of_padded_batches_are_written_into_the_callers_arrays(fake: FakeOnnxRuntime, tmp_path: Path) -> None:
    given, outputs = feeds(1, 3), {"tokens": np.zeros((1, 3), np.float32)}
    engine(tmp_path).run_into(given, outputs)
    np.testing.assert_array_equal(outputs["tokens"], network(given)["tokens"])


def test_a_network_partly_on_another_provider_is_refused(fake: FakeOnnxRuntime, tmp_path: Path) -> None:
    fake.parts = [Part(TENSORRT, "MatMul"), Part(CUDA, "LayerNormalization")]
    with pytest.raises(BackendError, match="1 LayerNormalization on CUDAExecutionProvider, expected the whole network"):
        engine(tmp_path)


def test_without_a_profile_nothing_is_built(fake: FakeOnnxRuntime, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="no profile was given"):
        engine(tmp_path, gpu=GpuOptions())


def test_a_profile_of_other_axes_is_refused(fake: FakeOnnxRuntime, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="no sizes for sequence"):
        engine(tmp_path, gpu=GpuOptions(profile=Profile({"batch": (1, 1, 1)})))


def test_recordings_belong_to_the_other_target(fake: FakeOnnxRuntime, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="the CUDA target's"):
        engine(tmp_path, gpu=GpuOptions(profile=PROFILE, graphs=((1, 4),)))


def test_a_gpu_that_is_not_there_is_refused(fake: FakeOnnxRuntime, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"gpu\.device is 3, but 1 GPUs are here"):
        engine(tmp_path, tmp_path / "cache", GpuOptions(device=3, profile=PROFILE))


def test_a_cache_that_cannot_be_made_is_refused(fake: FakeOnnxRuntime, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match=r"cache: .* cannot be made"):
        engine(tmp_path, tmp_path / "file")


def test_a_library_that_cannot_be_loaded_is_named(
    fake: FakeOnnxRuntime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    system = replace(GPU_SERVER, libraries={**GPU_SERVER.libraries, "libnvinfer.so.10": broken})
    monkeypatch.setattr(tensorrt, "this_system", lambda: system)
    with pytest.raises(BackendError, match=r"broken.so cannot be loaded: .*; run `bert-doctor`"):
        engine(tmp_path)
