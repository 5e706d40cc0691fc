"""Each fault of a machine is named, with what to do: one fault at a time on a machine that has no other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.runtime.machine.conftest import GPU_SERVER, H100, LAPTOP, without

from bert_runtime.machine.cpu import Cpu
from bert_runtime.machine.diagnose import diagnose
from bert_runtime.machine.driver import LIBRARY, Driver
from bert_runtime.machine.fatbin import GpuCode
from bert_runtime.machine.finding import Finding, Level
from bert_runtime.machine.requirements import missing_requirements
from bert_runtime.machine.system import Limits, System
from bert_runtime.targets import BY_NAME

OLD_DRIVER = replace(GPU_SERVER, driver=Driver((12, 4), (H100,)))
OLD_GPU = replace(GPU_SERVER, driver=Driver((13, 0), (replace(H100, name="Tesla V100", capability=(7, 0)),)))
NO_DRIVER = replace(without(GPU_SERVER, LIBRARY), driver=None)
NO_DEVICE = replace(GPU_SERVER, driver=Driver((13, 0), problem="cuInit gives CUDA_ERROR_NO_DEVICE (100)"))
HIDDEN = replace(NO_DEVICE, environment={"CUDA_VISIBLE_DEVICES": ""})
BOTH = replace(LAPTOP, packages={"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.1"})
BLACKWELL = replace(GPU_SERVER, driver=Driver((13, 0), (replace(H100, name="NVIDIA B200", capability=(10, 0)),)))
OLD_CUDNN = replace(GPU_SERVER, packages={**GPU_SERVER.packages, "nvidia-cudnn-cu13": "9.2.1.18"})
NONE = replace(LAPTOP, packages={}, modules=frozenset({"openvino"}))
TENSORRT_11 = replace(
    without(GPU_SERVER, "libnvinfer.so.10", "libnvonnxparser.so.10"),
    packages={"onnxruntime-gpu": "1.31.1", "tensorrt": "11.0.0", "tensorrt-cu13": "11.0.0"},
)
NO_CUDNN = without(GPU_SERVER, "libcudnn.so.9")
NO_TOOLKIT = without(GPU_SERVER, "libcudart.so.13", "libcublas.so.13")
WRONG_HOST = replace(GPU_SERVER, driver=None, nvidia_hardware=False)
OLD_PACKAGE = replace(GPU_SERVER, packages={**GPU_SERVER.packages, "onnxruntime-gpu": "1.23.2"})
LITTLE = replace(LAPTOP, limits=Limits(8, 8, None, 512_000_000))


def faults(system: System) -> list[Finding]:
    return [finding for finding in diagnose(system) if finding.level is Level.FAULT]


@pytest.mark.parametrize("target", BY_NAME)
def test_a_machine_with_everything_runs_everything(target: str) -> None:
    assert missing_requirements(GPU_SERVER, target) == ()


@pytest.mark.parametrize(
    "system", [LAPTOP, GPU_SERVER, replace(LAPTOP, packages={"onnxruntime": "1"}, nvidia_hardware=False)]
)
def test_nothing_is_wrong_with_a_whole_machine(system: System) -> None:
    assert faults(system) == []


@pytest.mark.parametrize(
    ("system", "what", "fix"),
    [
        (BOTH, "are both installed in one folder", "pip uninstall onnxruntime onnxruntime-gpu"),
        (NONE, "onnxruntime is not installed", "pip install 'bert-export[cpu]'"),
        (TENSORRT_11, "tensorrt 11.0.0, tensorrt-cu13 11.0.0 cannot be loaded", "pip install 'tensorrt-cu13>=10,<11'"),
        (TENSORRT_11, "linked to libnvinfer.so.10: expected TensorRT 10", "pip uninstall tensorrt tensorrt-cu13"),
        (NO_CUDNN, "libcudnn.so.9: not found", "nvidia-cudnn-cu13==9.*"),
        (
            NO_TOOLKIT,
            "libcublas.so.13, libcudart.so.13: not found",
            "'nvidia-cublas==13.*' 'nvidia-cuda-runtime==13.*'",
        ),
        (OLD_DRIVER, "the driver runs CUDA 12.4 at most, expected 13.0", "install a newer driver"),
        (NO_DRIVER, f"an NVIDIA GPU is here, but its driver's {LIBRARY} is not", "docker run --gpus all"),
        (NO_DEVICE, "CUDA_ERROR_NO_DEVICE", "install NVIDIA's driver"),
        (HIDDEN, "CUDA_VISIBLE_DEVICES is ''", "unset CUDA_VISIBLE_DEVICES"),
        (
            WRONG_HOST,
            "onnxruntime-gpu is installed, but neither a GPU nor the driver's",
            "pip uninstall onnxruntime-gpu",
        ),
        (OLD_PACKAGE, "onnxruntime-gpu 1.23.2 does not say where", "pip install 'onnxruntime-gpu>=1.28'"),
        (OLD_PACKAGE, "onnxruntime-gpu 1.23.2 has known faults", "pip install 'onnxruntime-gpu>=1.28'"),
        (
            replace(LAPTOP, packages={"onnxruntime": "1.27.0"}),
            "onnxruntime 1.27.0 has known faults in loading",
            "pip install 'onnxruntime>=1.28'",
        ),
        (
            BLACKWELL,
            "onnxruntime-gpu 1.31.1 has code for the compute capabilities 7.5, 8.0, 8.6, 8.9, 9.0, 12.0, expected 10.0",
            "install an onnxruntime-gpu that is built for 10.0, or name the target tensorrt",
        ),
        (LITTLE, "the cgroup limits memory to 512 MB", "docker run --memory"),
    ],
)
def test_a_fault_is_named_with_its_fix(system: System, what: str, fix: str) -> None:
    matching = [finding for finding in faults(system) if what in finding.what]
    assert matching
    assert all(fix in finding.fix for finding in matching)


@pytest.mark.parametrize(
    ("system", "target"),
    [
        (BOTH, "cpu"), (BOTH, "portable"), (BOTH, "cuda"), (BOTH, "tensorrt"), (NONE, "cpu"), (NONE, "cuda"),
        (LAPTOP, "cuda"), (LAPTOP, "tensorrt"), (TENSORRT_11, "tensorrt"), (NO_CUDNN, "tensorrt"),
        (NO_TOOLKIT, "cuda"), (NO_TOOLKIT, "tensorrt"), (OLD_DRIVER, "cuda"), (OLD_GPU, "cuda"), (BLACKWELL, "cuda"),
        (OLD_GPU, "tensorrt"), (NO_DRIVER, "cuda"), (HIDDEN, "cuda"), (WRONG_HOST, "tensorrt"),
        (replace(LAPTOP, modules=frozenset({"onnxruntime"})), "openvino"),
    ],
)  # fmt: skip
def test_a_target_that_lacks_something_does_not_run(system: System, target: str) -> None:
    found = missing_requirements(system, target)
    assert found
    assert all(finding.what and finding.fix for finding in found)


@pytest.mark.parametrize(
    ("system", "target"), [(TENSORRT_11, "cuda"), (NO_CUDNN, "cuda"), (HIDDEN, "cpu"), (NONE, "openvino")]
)
def test_a_fault_of_one_target_is_none_of_another(system: System, target: str) -> None:
    assert missing_requirements(system, target) == ()


@pytest.mark.parametrize(
    ("capability", "runs"),
    [
        ((7, 5), True),
        ((8, 7), True),
        ((9, 0), True),
        ((10, 0), False),
        ((11, 0), False),
        ((12, 1), True),
        ((7, 0), False),
    ],
)
def test_machine_code_runs_on_later_minor_versions_alone(capability: tuple[int, int], runs: bool) -> None:
    assert GPU_SERVER.code["cuda"].runs_on(capability) is runs


def test_a_driver_compiles_ptx_for_later_gpus() -> None:
    code = GpuCode(frozenset({(8, 0)}), frozenset({(9, 0)}))
    assert [code.runs_on(gpu) for gpu in ((8, 9), (9, 0), (10, 0), (7, 5))] == [True, True, True, False]


@pytest.mark.parametrize(
    ("system", "what"),
    [
        (NO_CUDNN, "libcudnn.so.9: not found, expected cuDNN 9.3 at least, whose attention kernel"),
        (OLD_CUDNN, "cuDNN 9.2 is here, expected cuDNN 9.3 at least"),
    ],
)
def test_attention_without_its_fast_kernel_is_a_note(system: System, what: str) -> None:
    """ONNX Runtime opens cuDNN late and does without it: no library is missing, and nothing is said."""
    assert any(what in finding.what and "nvidia-cudnn-cu13>=9.3" in finding.fix for finding in diagnose(system))
    assert missing_requirements(system, "cuda") == ()


def test_a_gpu_with_fused_kernels_needs_no_cudnn() -> None:
    ada = replace(NO_CUDNN, driver=Driver((13, 0), (replace(H100, name="NVIDIA L40S", capability=(8, 9)),)))
    assert not any("attention" in finding.what for finding in diagnose(ada))
    assert not any("attention" in finding.what for finding in diagnose(GPU_SERVER))


def test_an_old_gpu_is_no_fault_of_the_user() -> None:
    assert faults(OLD_GPU) == []
    assert "Tesla V100 has the compute capability 7.0, expected 7.5 at least" in str(
        missing_requirements(OLD_GPU, "cuda")[0]
    )


def test_all_that_is_missing_is_told_at_once() -> None:
    both = replace(without(GPU_SERVER, "libcudart.so.13"), driver=Driver((12, 4), (H100,)))
    assert [finding.what.partition(":")[0].partition(" runs")[0] for finding in missing_requirements(both, "cuda")] == [
        "libcudart.so.13", "the driver"
    ]  # fmt: skip


def test_a_shared_fault_is_told_once() -> None:
    assert len(faults(OLD_DRIVER)) == 1


def test_a_narrow_cpu_and_narrow_limits_are_notes() -> None:
    system = replace(LAPTOP, cpu=Cpu("old", ("AVX2",)), limits=Limits(64, 4, 1.5))
    notes = [finding.what for finding in diagnose(system)]
    assert faults(system) == []
    for words in ("no instruction for int8", "no bf16 products", "4 of the host's 64 CPUs", "the time of 1.5 CPUs"):
        assert any(words in note for note in notes), words


def test_a_package_for_another_cuda_is_named_in_its_own_words() -> None:
    needs = {"cuda": ("libcublas.so.12", "libcudart.so.12", LIBRARY)}
    system = replace(without(GPU_SERVER), needs=needs, libraries={LIBRARY: GPU_SERVER.libraries[LIBRARY]})
    (finding,) = missing_requirements(system, "cuda")
    assert "'nvidia-cublas-cu12==12.*' 'nvidia-cuda-runtime-cu12==12.*'" in finding.fix


GPU_WITHOUT_PACKAGES = replace(NONE, driver=GPU_SERVER.driver, nvidia_hardware=True)


def advice(system: System) -> list[str]:
    found = [finding for target in BY_NAME for finding in missing_requirements(system, target)]
    return [finding.fix for finding in (*found, *diagnose(system))]


def test_a_machine_without_a_gpu_is_never_told_to_install_what_is_for_one() -> None:
    """Whoever did so would be told of a fault."""
    for system in (LAPTOP, NONE):
        assert not any("gpu]" in fix or "onnxruntime-gpu" in fix for fix in advice(system))


def test_all_advice_for_onnxruntime_asks_for_one_package() -> None:
    for system in (NONE, GPU_WITHOUT_PACKAGES):
        asked = {word for fix in advice(system) for word in ("bert-export[cpu]", "bert-export[gpu]") if word in fix}
        assert len(asked) == 1
    installed = replace(GPU_WITHOUT_PACKAGES, packages=LAPTOP.packages, modules=LAPTOP.modules)
    assert all("pip uninstall onnxruntime`" in fix for fix in advice(installed) if "bert-export[gpu]" in fix)
