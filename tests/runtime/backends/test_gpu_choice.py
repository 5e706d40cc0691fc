"""On machines with a GPU, or part of one: auto walks tensorrt, cuda, the CPU; a named target runs or is refused."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.bundles import with_canaries
from tests.runtime.backends.conftest import Retarget
from tests.runtime.machine.conftest import GPU_SERVER, LAPTOP, without

from bert_runtime.backends import select
from bert_runtime.backends.engine import Array
from bert_runtime.backends.options import EngineOptions
from bert_runtime.backends.profile import Profile
from bert_runtime.bundle import read
from bert_runtime.canaries import Canary, Sample
from bert_runtime.canaries_json import render
from bert_runtime.errors import BackendError
from bert_runtime.loading import load
from bert_runtime.machine.driver import LIBRARY, read_driver
from bert_runtime.machine.system import Probe, System
from bert_runtime.manifest import Artefact
from bert_runtime.options import Options
from bert_runtime.record_writers import to_json
from bert_runtime.schedule import BatchLimits

TASK = "text-classification"
ALL = ("cpu:fp32", "cuda:fp16", "tensorrt:int8", "openvino:bf16")
NO_TENSORRT = without(GPU_SERVER, "libnvinfer.so.10", "libnvonnxparser.so.10")
NO_PACKAGE = replace(LAPTOP, driver=GPU_SERVER.driver, nvidia_hardware=True)
NO_CUDA = without(GPU_SERVER, "libcudart.so.13")
NO_DRIVER = replace(without(GPU_SERVER, LIBRARY), driver=None)


class Started:
    """An engine of a GPU that remembers what it was started with."""

    name = "a GPU"

    def __init__(self, directory: Path, artefact: Artefact, options: EngineOptions) -> None:
        self.artefact, self.options = artefact, options

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        return {name: np.zeros((len(feeds["input_ids"]), 3), dtype=np.float32) for name in fetch}

    def run_into(self, feeds: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to free."""


def refusing(directory: Path, artefact: Artefact, options: EngineOptions) -> Started:
    raise BackendError("out of memory; free some")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user cache"))
    monkeypatch.setattr(select, "ENGINES", {**select.ENGINES, "tensorrt": Started, "cuda": Started})
    return monkeypatch


def on(machine: pytest.MonkeyPatch, system: System) -> None:
    machine.setattr(select, "this_system", lambda _: system)


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (GPU_SERVER, ("tensorrt", "int8")),
        (NO_TENSORRT, ("cuda", "fp16")),
        (NO_CUDA, ("openvino", "bf16")),
        (NO_DRIVER, ("openvino", "bf16")),
        (LAPTOP, ("openvino", "bf16")),
        (replace(LAPTOP, modules=frozenset({"onnxruntime"})), ("cpu", "fp32")),
    ],
)
def test_auto_takes_the_first_that_the_machine_can_run(
    system: System, expected: tuple[str, str], retarget: Retarget
) -> None:
    choice = select.decide(read(retarget(TASK, *ALL)).manifest, "auto", system)
    assert (choice.artefact.target, choice.artefact.precision) == expected
    assert choice.active_target == expected[0]


def test_the_reason_names_what_kept_the_others(retarget: Retarget) -> None:
    choice = select.decide(read(retarget(TASK, *ALL)).manifest, "auto", NO_CUDA)
    assert choice.reason.startswith("openvino bf16 is the fastest of the CPU's here; tensorrt cannot run here: ")
    assert "cuda cannot run here: libcudart.so.13: not found" in choice.reason


def test_without_a_gpu_a_file_for_one_is_worth_no_word(machine: pytest.MonkeyPatch, retarget: Retarget) -> None:
    on(machine, LAPTOP)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(retarget(TASK, *ALL)).close()


def test_with_a_gpu_that_cannot_be_used_the_user_is_told_why(machine: pytest.MonkeyPatch, retarget: Retarget) -> None:
    on(machine, NO_CUDA)
    with pytest.warns(UserWarning, match="openvino bf16 runs; .*cuda cannot run here: libcudart.so.13") as caught:
        load(retarget(TASK, *ALL)).close()
    assert caught[0].filename == __file__


def test_a_gpu_engine_is_used_and_said(
    machine: pytest.MonkeyPatch, retarget: Retarget, caplog: pytest.LogCaptureFixture
) -> None:
    on(machine, GPU_SERVER)
    with caplog.at_level(logging.INFO, "bert_runtime"), load(retarget(TASK, *ALL)) as session:
        assert (session.active_target, session.engine.name) == ("tensorrt", "a GPU")
        assert session.reason == "it is the first that auto tries of those that run here"
    assert "runs on tensorrt (a GPU): it is the first" in caplog.text


def test_auto_goes_on_where_a_gpu_engine_cannot_be_started(machine: pytest.MonkeyPatch, retarget: Retarget) -> None:
    on(machine, GPU_SERVER)
    machine.setattr(select, "ENGINES", {**select.ENGINES, "tensorrt": refusing, "cuda": Started})
    with pytest.warns(UserWarning, match="tensorrt could not be started: out of memory; free some; cuda runs instead"):
        session = load(retarget(TASK, *ALL))
    assert session.active_target == "cuda"
    assert "tensorrt could not be started: out of memory" in session.reason


def test_auto_ends_on_the_cpu_where_no_gpu_engine_can_be_started(
    machine: pytest.MonkeyPatch, retarget: Retarget
) -> None:
    on(machine, GPU_SERVER)
    machine.setattr(select, "ENGINES", {**select.ENGINES, "tensorrt": refusing, "cuda": refusing})
    with pytest.warns(UserWarning, match="could not be started") as caught:
        session = load(retarget(TASK, "cpu:fp32", "cuda:fp16", "tensorrt:fp16"))
    assert len(caught) == 2
    assert (session.active_target, session.engine.name.split()[0]) == ("cpu", "onnxruntime")


class FailsInItsFirstRun(Started):
    """As a provider without code for the GPU does: its session opens."""

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        raise BackendError("no kernel image is available for execution on the device")


class AnswersNothing(Started):
    """Its numbers are none."""

    def run(self, feeds: Mapping[str, Array], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        return {name: values * np.nan for name, values in super().run(feeds, fetch).items()}


@pytest.mark.parametrize(
    ("engine", "why"),
    [(FailsInItsFirstRun, "no kernel image"), (AnswersNothing, "answers a small batch with logits not")],
)
def test_auto_goes_on_where_a_gpu_engine_starts_and_does_not_answer(
    engine: type[Started], why: str, machine: pytest.MonkeyPatch, retarget: Retarget
) -> None:
    on(machine, GPU_SERVER)
    machine.setattr(select, "ENGINES", {**select.ENGINES, "cuda": engine})
    with pytest.warns(UserWarning, match=f"cuda could not be started: .*{why}.*; cpu runs instead") as caught:
        session = load(retarget(TASK, "cpu:fp32", "cuda:fp16"))
    assert caught[0].filename == __file__
    assert session.active_target == "cpu"
    assert why in session.reason


def test_a_gpu_engine_that_answers_the_canaries_wrongly_is_not_taken(
    machine: pytest.MonkeyPatch, retarget: Retarget, tmp_path: Path
) -> None:
    """A kernel may run and be wrong: `Started` says zeros to everything, which is no failure without canaries."""
    bundle = retarget(TASK, "cpu:fp32", "cuda:fp16")
    with load(bundle, options=Options("cpu")) as session:
        request = {"text": "a good film"}
        rows = session.prepare(request).encoded.features
        outputs = tuple({name: Sample.of(own[name]) for name in own} for own in session.run_rows(rows))
        answer = to_json(session(request))
        assert isinstance(answer, dict)
        canary = Canary(request, answer, outputs)
    bounds = [{"target": name, "precision": kind, "same_answers": 1, "max_difference": 0.05}
              for name, kind in (("cpu", "fp32"), ("cuda", "fp16"))]  # fmt: skip
    checked = with_canaries(bundle, tmp_path / "checked", render([canary]), *bounds)
    on(machine, GPU_SERVER)
    with pytest.warns(UserWarning, match="cuda could not be started: .* does not answer as torch did"):
        assert load(checked).active_target == "cpu"
    with pytest.raises(BackendError, match="cuda fp16 on a GPU does not answer as torch did"):
        load(checked, options=Options("cuda"))


def test_engines_that_take_minutes_to_build_are_kept_in_the_users_own_cache(
    machine: pytest.MonkeyPatch, retarget: Retarget, tmp_path: Path
) -> None:
    on(machine, GPU_SERVER)
    bundle = retarget(TASK, *ALL)
    caches = {}
    for target in ("tensorrt", "cuda"):
        with load(bundle, options=Options(target)) as session:
            assert isinstance(session.engine, Started)
            caches[target] = session.engine.options.cache
    assert caches["tensorrt"] is not None
    assert caches["tensorrt"].parent == tmp_path / "user cache/bert-export/engines"
    assert caches["tensorrt"].parent.stat().st_mode & 0o777 == 0o700
    assert caches["cuda"] is None


def test_a_cache_that_others_may_write_to_is_not_used(
    machine: pytest.MonkeyPatch, retarget: Retarget, tmp_path: Path
) -> None:
    on(machine, GPU_SERVER)
    folder = tmp_path / "user cache/bert-export/engines"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    with pytest.warns(UserWarning, match="tensorrt could not be started: cache: .* others may write to it"):
        assert load(retarget(TASK, *ALL)).active_target == "cuda"


@pytest.mark.parametrize("target", ["cuda", "tensorrt"])
def test_a_named_target_is_never_replaced(machine: pytest.MonkeyPatch, target: str, retarget: Retarget) -> None:
    on(machine, GPU_SERVER)
    machine.setattr(select, "ENGINES", {**select.ENGINES, "tensorrt": refusing, "cuda": refusing})
    with pytest.raises(BackendError, match="out of memory"):
        load(retarget(TASK, *ALL), options=Options(target))


@pytest.mark.parametrize(
    ("system", "target", "reason", "fix"),
    [
        (LAPTOP, "cuda", "no NVIDIA GPU and no driver", "use a machine that has one"),
        (NO_PACKAGE, "tensorrt", "no provider for GPUs", "pip install 'bert-export\\[gpu\\]'"),
        (NO_CUDA, "cuda", "libcudart.so.13: not found", "nvidia-cuda-runtime"),
        (NO_TENSORRT, "tensorrt", "libnvinfer.so.10", "pip install 'tensorrt-cu13>=10,<11'"),
        (NO_DRIVER, "cuda", "its driver's libcuda.so.1 is not", "--gpus all"),
    ],
)
def test_a_named_target_that_cannot_run_says_why_and_what_to_do(
    system: System, target: str, reason: str, fix: str, machine: pytest.MonkeyPatch, retarget: Retarget
) -> None:
    on(machine, system)
    with pytest.raises(BackendError, match=f"target '{target}': .*{reason}.*{fix}"):
        load(retarget(TASK, *ALL), options=Options(target))


def test_a_file_for_a_gpu_alone_still_answers_on_the_cpu_and_says_so(
    machine: pytest.MonkeyPatch, retarget: Retarget
) -> None:
    on(machine, LAPTOP)
    with pytest.warns(UserWarning, match="the bundle holds only cuda; its cuda file runs on ONNX Runtime's CPU"):
        session = load(retarget(TASK, "cuda:fp16"))
    assert (session.artefact.target, session.active_target) == ("cuda", "cpu")
    assert "cuda cannot run here" in session.reason
    assert session({"text": "a good film"}).labels


def test_a_profile_of_what_the_session_can_ask_is_made(machine: pytest.MonkeyPatch, retarget: Retarget) -> None:
    on(machine, GPU_SERVER)
    session = load(
        retarget(TASK, *ALL),
        options=Options("tensorrt", batch_limits=BatchLimits(max_batch_tokens=100, max_batch_size=5)),
    )
    assert isinstance(session.engine, Started)
    assert session.engine.options.gpu.profile == Profile(
        {"batch": (1, 5, 5), "choices": (1, 4, 16), "sequence": (1, 32, 32), "masks": (1, 8, 32)}
    )


def test_a_bundle_for_the_cpu_reads_no_machine(machine: pytest.MonkeyPatch, retarget: Retarget) -> None:
    def never(sources: Probe) -> System:
        raise AssertionError("the machine was read")

    machine.setattr(select, "this_system", never)
    load(retarget(TASK, "cpu:fp32", "portable:fp32")).close()
    load(retarget(TASK, *ALL), options=Options("cpu")).close()


def test_a_bundle_without_a_file_for_a_gpu_starts_no_driver(machine: pytest.MonkeyPatch, retarget: Retarget) -> None:
    asked: list[Probe] = []

    def machine_of(sources: Probe) -> System:
        asked.append(sources)
        return LAPTOP

    machine.setattr(select, "this_system", machine_of)
    load(retarget(TASK, "cpu:fp32", "openvino:fp32")).close()
    load(retarget(TASK, "cpu:fp32", "cuda:fp16")).close()
    assert [each.driver is read_driver for each in asked] == [False, True]
