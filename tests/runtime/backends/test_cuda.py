"""The CUDA engine, against a stand-in for an ONNX Runtime with a GPU; its recordings also against the real one."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from tests.runtime.backends.conftest import GOLDEN
from tests.runtime.backends.fake_onnxruntime import (
    ARTEFACT,
    CPU,
    CUDA,
    INPUTS,
    FakeOnnxRuntime,
    Part,
    Session,
    feeds,
    network,
)
from tests.runtime.machine.conftest import Tree
from tests.without_exporter import is_exporter_there

from bert_runtime.backends import cuda
from bert_runtime.backends.assignment import RECORD, check_assignment
from bert_runtime.backends.cuda import CudaEngine
from bert_runtime.backends.cuda_graphs import CapturedGraph, CudaGraphs
from bert_runtime.backends.options import EngineOptions, GpuOptions
from bert_runtime.backends.profile import Profile
from bert_runtime.errors import BackendError, InputError
from bert_runtime.machine.driver import Driver, Gpu
from bert_runtime.machine.system import System, this_system
from bert_runtime.manifest import KEY_RANGES, Artefact
from bert_runtime.tasks.tensors import TensorSpec

if TYPE_CHECKING or is_exporter_there():
    from onnx import helper

GRAPHS = GpuOptions(graphs=((8, 32), (1, 16), (4, 16)))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeOnnxRuntime:
    module = FakeOnnxRuntime()
    monkeypatch.setattr(cuda, "import_onnxruntime", lambda: module)
    return module


def engine(gpu: GpuOptions | None = None, artefact: Artefact = ARTEFACT) -> CudaEngine:
    return CudaEngine(Path("bundle"), artefact, EngineOptions(1, None, gpu or GpuOptions()))


def assert_right(running: CudaEngine, batch: int, sequence: int, seed: int = 0) -> None:
    given = feeds(batch, sequence, seed)
    found = running.run(given, ["logits", "tokens"])
    for name, expected in network(given).items():
        np.testing.assert_array_equal(found[name], expected)


def test_the_provider_gets_the_options_of_the_gpu(fake: FakeOnnxRuntime) -> None:
    engine(GpuOptions(device=1, memory_limit=1 << 30, arena="kSameAsRequested"))
    assert fake.providers == [
        (
            CUDA,
            {
                "device_id": "1",
                "arena_extend_strategy": "kSameAsRequested",
                "gpu_mem_limit": "1073741824",
                "use_tf32": "0",
                "enable_cuda_graph": "1",
            },
        ),
        (CPU, {}),
    ]
    assert fake.options.entries == {"session.record_ep_graph_assignment_info": "1"}


@pytest.mark.parametrize("tf32", [False, True])
def test_single_precision_is_single_unless_tf32_is_asked_for(tf32: bool, fake: FakeOnnxRuntime) -> None:
    """The provider rounds products to 10 bits of mantissa by default, which the parity gate's 1e-4 does not allow."""
    engine(GpuOptions(tf32=tf32))
    assert fake.providers[0][1]["use_tf32"] == str(int(tf32))


def compiled(library: Path, *linked: Path) -> Path:
    """A real shared library, linked to others by their names alone."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler is here")
    library.parent.mkdir(parents=True, exist_ok=True)
    options = ["-shared", "-Wl,--no-as-needed", f"-Wl,-soname,{library.name}", "-xc", "/dev/null", "-xnone"]
    subprocess.run([compiler, *options, "-o", str(library), *map(str, linked)], check=True)
    return library


def test_libraries_are_opened_from_every_folder_where_the_doctor_finds_them(
    fake: FakeOnnxRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """NVIDIA's wheels in another folder than onnxruntime's, in an order that the linker's list does not give."""
    tree = Tree(tmp_path, tmp_path / "site")
    later = compiled(tmp_path / "other/nvidia/cu13/lib/libbert_later.so.13")
    first = compiled(tmp_path / "other/nvidia/cublas/lib/libbert_first.so.13", later)
    late = compiled(tmp_path / "other/nvidia/cudnn/lib/libcudnn.so.9")
    tree.provider("cuda", (first.name, later.name, "libcuda.so.1"))
    system = this_system(tree.probe(path=("site", "other")))
    assert system.missing("cuda") == ("libcuda.so.1",)
    monkeypatch.setattr(cuda, "this_system", lambda _: system)
    with pytest.raises(OSError, match="libbert_first"):
        ctypes.CDLL(first.name)
    engine()
    for library in (first, later, late):
        ctypes.CDLL(library.name)  # by name: it is open


def test_a_library_that_cannot_be_opened_is_named(
    fake: FakeOnnxRuntime, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tree = Tree(tmp_path, tmp_path / "site")
    broken = tree.write("site/nvidia/cu13/lib/libcublas.so.13", b"no library")
    tree.write("site/nvidia/cudnn/lib/libcudnn.so.9", b"nor this, which the provider does without")
    tree.provider("cuda", (broken.name,))
    monkeypatch.setattr(cuda, "this_system", lambda _: this_system(tree.probe()))
    with pytest.raises(BackendError, match=f"{broken} cannot be loaded: .*; run `bert-doctor`") as error:
        engine()
    assert "libcudnn" not in str(error.value)


def test_answers_are_those_of_the_network(fake: FakeOnnxRuntime) -> None:
    running = engine()
    assert running.name == "onnxruntime 1.31.1 CUDAExecutionProvider 0"
    assert_right(running, 3, 7)


def test_a_package_without_the_provider_is_refused(fake: FakeOnnxRuntime) -> None:
    fake.available = [CPU]
    with pytest.raises(BackendError, match="has no CUDAExecutionProvider, only CPUExecutionProvider; run `pip"):
        engine()


def test_a_session_that_fell_back_is_refused(fake: FakeOnnxRuntime) -> None:
    fake.made = [CPU]
    with pytest.raises(BackendError, match="a session with CPUExecutionProvider, expected CUDAExecutionProvider"):
        engine()


def test_a_provider_that_does_not_start_says_why(fake: FakeOnnxRuntime) -> None:
    fake.failure = RuntimeError("CUDA failure 2: out of memory\nat line 5")
    with pytest.raises(BackendError, match=r"cannot be started: CUDA failure 2: out of memory; run `bert-doctor`"):
        engine()


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ([Part(CUDA, "MatMul"), Part(CPU, "Attention", "Shape", "Attention")], "2 Attention on CPUExecutionProvider"),
        ([Part(CPU, "Shape", "Gather")], "nothing at all on it"),
        ([], "nothing at all on it"),
    ],
)
def test_a_network_that_is_not_wholly_on_the_gpu_is_refused(
    parts: list[Part], told: str, fake: FakeOnnxRuntime
) -> None:
    fake.parts = parts
    with pytest.raises(BackendError, match=f"onnxruntime put {told}, expected the whole network on CUDA"):
        engine()


def test_a_library_that_keeps_no_record_of_nodes_is_refused(
    fake: FakeOnnxRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Session, "get_provider_graph_assignment_info")
    with pytest.raises(BackendError, match=r"does not say which provider took which node.*onnxruntime-gpu>=1.24"):
        engine()


def test_the_arithmetic_of_shapes_may_stay_on_the_cpu(fake: FakeOnnxRuntime) -> None:
    fake.parts = [Part(CUDA, "MatMul"), Part(CPU, "Shape", "Gather", "Concat", "Unsqueeze")]
    engine()


def test_a_closed_engine_says_so(fake: FakeOnnxRuntime) -> None:
    for running in (engine(), engine(GRAPHS)):
        running.close()
        with pytest.raises(BackendError, match="the session is closed"):
            running.run(feeds(1, 4), ["logits"])


def test_batches_run_padded_in_the_smallest_recording_that_takes_them(fake: FakeOnnxRuntime) -> None:
    running = engine(GRAPHS)
    for seed, (batch, sequence) in enumerate([(1, 3), (1, 16), (2, 16), (4, 5), (5, 5), (1, 20), (8, 32), (1, 1)]):
        assert_right(running, batch, sequence, seed)
    recorded = {run for run in fake.session.runs if run[0] != "-1"}
    assert recorded == {("1", (8, 32)), ("2", (1, 16)), ("3", (4, 16))}  # as they were asked for, at load


def test_a_batch_outside_every_recording_runs_without_one(fake: FakeOnnxRuntime) -> None:
    running = engine(GRAPHS)
    before = len(fake.session.runs)
    assert_right(running, 9, 32)
    assert_right(running, 1, 33)
    assert fake.session.runs[before:] == [("-1", (16, 32)), ("-1", (1, 64))]


def test_sizes_that_are_asked_for_are_recorded_at_load(fake: FakeOnnxRuntime) -> None:
    """A recording takes in whatever else the process does on the device: before the first request nothing does."""
    engine(GRAPHS)
    assert {run for run in fake.session.runs if run[0] != "-1"} == {("1", (8, 32)), ("2", (1, 16)), ("3", (4, 16))}


def test_batches_have_few_sizes_and_those_of_few_tokens_are_recorded(fake: FakeOnnxRuntime) -> None:
    """cuDNN's attention makes a plan, in a third of a second, for each size that it meets, and keeps all of them."""
    running = engine()
    random = np.random.default_rng(2)
    for seed in range(300):
        assert_right(running, int(random.integers(1, 129)), int(random.integers(1, 513)), seed)
    shapes = {shape for _, shape in fake.session.runs}
    assert len(shapes) <= 104
    assert all(batch * sequence <= 4096 for number, (batch, sequence) in fake.session.runs if number != "-1")
    assert any(number != "-1" for number, _ in fake.session.runs)


def test_a_batch_is_never_longer_than_the_model_reads(fake: FakeOnnxRuntime) -> None:
    running = engine(GpuOptions(profile=Profile({"batch": (1, 2, 4), "sequence": (1, 16, 50)})))
    assert_right(running, 1, 40)
    assert {shape for _, shape in fake.session.runs} == {(1, 50)}


def test_without_graphs_the_session_is_not_told_of_any(fake: FakeOnnxRuntime) -> None:
    running = engine(GpuOptions(graphs=()))
    assert "enable_cuda_graph" not in fake.providers[0][1]
    assert_right(running, 1, 3)
    assert {number for number, _ in fake.session.runs} == {"-1"}


def test_all_work_on_a_device_is_done_by_one_thread(fake: FakeOnnxRuntime) -> None:
    """Recordings are kept by thread, and made of all that the process does on the device: also of other sessions."""
    engines = [engine(), engine(GpuOptions(graphs=()))]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: assert_right(engines[seed % 2], 1 + seed % 8, 1 + seed % 32, seed), range(100)))
    (one,) = fake.sessions[0].threads | fake.sessions[1].threads
    assert one != threading.get_ident()


def test_another_device_has_a_thread_of_its_own(fake: FakeOnnxRuntime) -> None:
    assert_right(engine(), 1, 3)
    assert_right(engine(GpuOptions(device=1)), 1, 3)
    assert fake.sessions[0].threads.isdisjoint(fake.sessions[1].threads)


@pytest.mark.parametrize("gpu", [GRAPHS, GpuOptions()])
def test_a_batch_that_cannot_be_recorded_leaves_a_session_without_graphs(
    gpu: GpuOptions, fake: FakeOnnxRuntime
) -> None:
    fake.fails_to_record = True

    def first_answer() -> CudaEngine:
        running = engine(gpu)
        assert_right(running, 1, 3)
        return running

    with pytest.warns(
        UserWarning, match=r"cannot be recorded as a CUDA graph \(CUDA failure 900.*goes on without"
    ) as told:
        running = first_answer()
    assert_right(running, 4, 9)
    assert len(told) == 1
    assert len(fake.sessions) == 2
    assert "enable_cuda_graph" not in fake.providers[0][1]


@pytest.mark.parametrize(
    ("capability", "cudnn", "asked"), [((9, 0), False, True), ((9, 0), True, False), ((8, 9), False, False)]
)
def test_ranges_are_asked_for_where_no_fast_kernel_takes_lengths(
    capability: tuple[int, int], cudnn: bool, asked: bool, fake: FakeOnnxRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Driver((13, 0), (Gpu("a GPU", capability, 1 << 30),))
    system = System(driver=gpu, libraries={"libcudnn.so.9": Path("/lib/libcudnn.so.9")} if cudnn else {})
    monkeypatch.setattr(cuda, "this_system", lambda _: system)
    fake.overridable = (TensorSpec(KEY_RANGES, "int64", ("one",)),)
    assert_right(engine(GpuOptions(graphs=())), 2, 5)
    assert all((KEY_RANGES in given) is asked for given in fake.session.given)
    fake.overridable = ()
    assert_right(engine(GpuOptions(graphs=())), 2, 5)
    assert not any(KEY_RANGES in given for given in fake.session.given)


def test_no_number_is_ever_used_for_two_shapes(fake: FakeOnnxRuntime) -> None:
    running = engine(GpuOptions(graphs=tuple((batch, length) for batch in (1, 2, 4) for length in (4, 8, 16))))
    random = np.random.default_rng(1)
    for seed in range(200):
        assert_right(running, int(random.integers(1, 6)), int(random.integers(1, 20)), seed)
    shapes: dict[str, set[tuple[int, ...]]] = {}
    for number, shape in fake.session.runs:
        shapes.setdefault(number, set()).add(shape)
    del shapes["-1"]
    assert len(shapes) == 9
    assert all(len(found) == 1 for found in shapes.values())


def test_a_recording_cannot_be_given_another_shape(fake: FakeOnnxRuntime) -> None:
    engine(GRAPHS)
    graph = CapturedGraph(fake, fake.session, 1, ("cuda", 0))
    graph.run(feeds(1, 4))
    with pytest.raises(RuntimeError, match="recorded with"):
        graph.run(feeds(1, 5))


def test_a_recording_owns_its_answers_and_its_inputs(fake: FakeOnnxRuntime) -> None:
    running = engine(GRAPHS)
    first, second = feeds(1, 16, 1), feeds(1, 16, 2)
    kept = running.run(first, ["logits"])["logits"]
    running.run(second, ["logits"])
    np.testing.assert_array_equal(kept, network(first)["logits"])


def test_threads_take_turns_in_a_session_that_records(fake: FakeOnnxRuntime) -> None:
    running = engine(GRAPHS)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: assert_right(running, 1 + seed % 8, 1 + seed % 32, seed), range(200)))


def test_outputs_are_written_into_the_callers_arrays(fake: FakeOnnxRuntime) -> None:
    running = engine(GRAPHS)
    given = feeds(2, 5)
    outputs = {"logits": np.zeros((2, 2), np.float32), "tokens": np.zeros((2, 5), np.float32)}
    running.run_into(given, outputs)
    for name, expected in network(given).items():
        np.testing.assert_array_equal(outputs[name], expected)
    with pytest.raises(BackendError, match=r"logits has the shape \(2, 2\), expected \(3, 2\)"):
        running.run_into(given, {"logits": np.zeros((3, 2), np.float32)})


def test_recordings_are_refused_where_batches_have_more_sizes(fake: FakeOnnxRuntime) -> None:
    inputs = (*INPUTS, TensorSpec("positions", "int64", ("batch", "masks")))
    artefact = Artefact("cuda", "fp16", "model.onnx", (), inputs, ARTEFACT.outputs, "any", 20, False)
    with pytest.raises(BackendError, match="the axes batch, masks, sequence, expected batch and sequence alone"):
        engine(GRAPHS, artefact)


def test_wrong_options_are_all_told() -> None:
    with pytest.raises(InputError) as caught:
        GpuOptions(device=-1, memory_limit=0, arena="big", graphs=((0, 4),))  # type: ignore[arg-type]
    assert len(caught.value.problems) == 4


def test_recordings_work_with_the_real_library_on_its_cpu_device() -> None:
    """The calls that move data are onnxruntime's own; only the recording itself needs a GPU."""
    session = onnxruntime.InferenceSession(
        GOLDEN / "text-classification/model.onnx", providers=["CPUExecutionProvider"]
    )
    graphs = CudaGraphs(onnxruntime, session, ("cpu", 0), ((2, 8), (4, 16)))
    random = np.random.default_rng(5)
    for batch, sequence in [(2, 8), (4, 16), (2, 8), (2, 8)]:
        given: dict[str, Any] = {
            "input_ids": random.integers(5, 60, size=(batch, sequence)),
            "attention_mask": np.ones((batch, sequence), np.int64),
            "token_type_ids": np.zeros((batch, sequence), np.int64),
        }
        (expected,) = session.run(["logits"], given)
        np.testing.assert_allclose(graphs.run(given)["logits"], expected, atol=1e-6)


def test_the_record_of_nodes_is_that_of_the_real_library() -> None:
    """With the CPU's provider in the place of a GPU's: it has the whole network, and another one has nothing."""
    model = GOLDEN / "text-classification/model.onnx"
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(RECORD, "1")
    session = onnxruntime.InferenceSession(model, options, providers=[CPU])
    check_assignment(session, CPU, "do something")
    with pytest.raises(BackendError, match="expected CUDAExecutionProvider; do something"):
        check_assignment(session, CUDA, "do something")
    session.get_providers = lambda: [CUDA, CPU]
    with pytest.raises(BackendError, match=r"onnxruntime put .*MatMul on CPUExecutionProvider.*, expected the whole"):
        check_assignment(session, CUDA, "do something")


@pytest.mark.exporter
@pytest.mark.parametrize(("operator", "is_refused"), [("RemovePadding", True), ("Attention", False)])
def test_a_graph_that_removes_padding_is_never_recorded(
    operator: str, is_refused: bool, fake: FakeOnnxRuntime, tmp_path: Path
) -> None:
    node = helper.make_node(operator, ["rows", "lengths"], ["tokens"], domain="com.microsoft")
    values = [helper.make_tensor_value_info(name, 1, [None]) for name in ("rows", "lengths", "tokens")]
    graph = helper.make_graph([node], "graph", values[:2], values[2:])
    (tmp_path / "model.onnx").write_bytes(helper.make_model(graph).SerializeToString())
    artefact = replace(ARTEFACT, mask="right_padded")
    CudaEngine(tmp_path, artefact, EngineOptions(1)).close()
    if not is_refused:
        CudaEngine(tmp_path, artefact, EngineOptions(1, gpu=GRAPHS)).close()
        return
    with pytest.raises(
        BackendError, match=r"gpu.graphs: model.onnx removes padding, .*export without --remove-padding"
    ):
        CudaEngine(tmp_path, artefact, EngineOptions(1, gpu=GRAPHS))
