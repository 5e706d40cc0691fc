"""The flags of a GPU are the fields of GpuOptions, and are refused where nothing takes notice of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.runtime.backends.conftest import GOLDEN, Retarget, retarget
from tests.runtime.backends.test_gpu_choice import Started, machine, on
from tests.runtime.machine.conftest import GPU_SERVER, LAPTOP

from bert_runtime.backends import select
from bert_runtime.backends.options import EngineOptions, GpuOptions
from bert_runtime.backends.profile import Profile, read_profile
from bert_runtime.cli import main
from bert_runtime.cli.command import parse
from bert_runtime.errors import BertError
from bert_runtime.manifest import Artefact

__all__ = ["machine", "retarget"]  # fixtures of other folders

TASK = "text-classification"
BUNDLE = str(GOLDEN / TASK)
PROFILE = {"axes": {"batch": {"min": 1, "opt": 2, "max": 4}, "sequence": {"min": 1, "opt": 16, "max": 32}}}


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(PROFILE), encoding="utf-8")
    return path


def told(*flags: str) -> GpuOptions:
    return parse([BUNDLE, "--text", "a", *flags]).options.gpu


def test_without_flags_the_options_are_the_usual() -> None:
    command = parse([BUNDLE, "--text", "a"])
    assert (command.options.gpu, command.gpu) == (GpuOptions(), ())


def test_each_flag_is_its_field(profile: Path) -> None:
    flags = ["--device", "1", "--gpu-memory", "8G", "--gpu-arena", "kSameAsRequested"]
    profiled = Profile({"batch": (1, 2, 4), "sequence": (1, 16, 32)})
    expected = GpuOptions(1, 8 << 30, "kSameAsRequested", ((1, 128), (8, 32)), profiled, tf32=True)
    assert told("--gpu-tf32", *flags, "--cuda-graphs", "1x128", "8x32", "--gpu-profile", str(profile)) == expected


@pytest.mark.parametrize(("text", "size"), [("1000", 1000), ("3K", 3 << 10), ("512M", 512 << 20), ("2G", 2 << 30)])
def test_sizes_are_bytes_or_have_a_unit(text: str, size: int) -> None:
    assert told("--gpu-memory", text).memory_limit == size


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--device", "-1"), "gpu.device is -1, expected at least 0"),
        (("--device", "one"), "argument --device: got 'one', expected a whole number"),
        (("--gpu-memory", "8GB"), "argument --gpu-memory: '8GB' is no size, expected bytes, or as in 512M or 8G"),
        (("--gpu-memory", "0"), "gpu.memory_limit is 0, expected at least 1"),
        (("--gpu-arena", "best"), "argument --gpu-arena: got 'best', expected one of"),
        (("--cuda-graphs", "8"), "argument --cuda-graphs: '8' is no size, expected batch and length, as in 8x128"),
        (("--cuda-graphs", "0x8"), "gpu.graphs[0][0] is 0, expected at least 1"),
        (("--gpu-profile", BUNDLE + "/config.json"), "config.json: expected axes with whole numbers min, opt and max"),
    ],
)
def test_a_wrong_value_is_explained(flags: tuple[str, ...], message: str) -> None:
    with pytest.raises(BertError) as error:
        told(*flags)
    assert message in str(error.value)


def test_a_profile_that_is_not_there_is_an_error_of_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([BUNDLE, "--text", "a", "--gpu-profile", "none.json"]) == 2
    assert capsys.readouterr().err == "bert-run: none.json: No such file or directory\n"


def test_where_no_gpu_runs_every_flag_is_refused(capsys: pytest.CaptureFixture[str], profile: Path) -> None:
    assert main([BUNDLE, "--text", "a", "--device", "0", "--cuda-graphs", "1x8", "--gpu-profile", str(profile)]) == 2
    why = "but portable runs (portable fp32 is the fastest of the CPU's here)"
    fix = "leave it out, or name a --target that it is for"
    assert capsys.readouterr() == (
        "",
        f"bert-run: --device is for tensorrt and cuda, {why}; {fix}; --cuda-graphs is for cuda, {why}; {fix}; "
        f"--gpu-profile is for tensorrt, {why}; {fix}\n",
    )


def test_a_gpus_file_on_the_cpu_is_no_gpu(
    machine: pytest.MonkeyPatch, retarget: Retarget, capsys: pytest.CaptureFixture[str]
) -> None:
    on(machine, LAPTOP)
    assert main([str(retarget(TASK, "cuda:fp16")), "--text", "a", "--device", "0"]) == 2
    assert "--device is for tensorrt and cuda, but cpu runs (the bundle holds only cuda" in capsys.readouterr().err


@pytest.fixture
def asked(machine: pytest.MonkeyPatch) -> list[GpuOptions]:
    """What engines on a machine with a GPU are told."""
    on(machine, GPU_SERVER)
    told: list[GpuOptions] = []

    def remembering(directory: Path, artefact: Artefact, options: EngineOptions) -> Started:
        told.append(options.gpu)
        return Started(directory, artefact, options)

    machine.setattr(select, "ENGINES", {**select.ENGINES, "cuda": remembering, "tensorrt": remembering})
    return told


@pytest.mark.parametrize("target", ["cuda", "tensorrt"])
def test_on_a_gpu_they_reach_its_engine(target: str, asked: list[GpuOptions], retarget: Retarget) -> None:
    flags = ["--device", "1", "--gpu-memory", "1G", "--gpu-arena", "kSameAsRequested"]
    assert main([str(retarget(TASK, "cuda:fp16", "tensorrt:fp16")), "--text", "a", "--target", target, *flags]) == 0
    (gpu,) = asked
    assert (gpu.device, gpu.memory_limit, gpu.arena) == (1, 1 << 30, "kSameAsRequested")


@pytest.mark.parametrize(("target", "other", "flag"), [("cuda", "tensorrt", "profile"), ("tensorrt", "cuda", "graphs")])
def test_what_is_for_one_engine_is_refused_by_the_other(
    target: str, other: str, flag: str, asked: list[GpuOptions], retarget: Retarget, profile: Path
) -> None:
    flags = {"profile": ["--gpu-profile", str(profile)], "graphs": ["--cuda-graphs", "1x8"]}[flag]
    bundle = str(retarget(TASK, "cuda:fp16", "tensorrt:fp16"))
    assert main([bundle, "--text", "a", "--target", other, *flags]) == 0
    assert (asked[0].graphs == ((1, 8),), asked[0].profile == read_profile(profile)) == (
        flag == "graphs",
        flag == "profile",
    )
    assert main([bundle, "--text", "a", "--target", target, *flags]) == 2
