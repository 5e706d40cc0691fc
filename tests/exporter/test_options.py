"""Options that cannot be served are refused when they are made, all at once."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from bert_export import applicability
from bert_export.errors import OptionError
from bert_export.options import ExportOptions, Variant


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"fp16": True, "targets": ("cpu",)},
            "--target cpu in 'fp16', expected fp32 or int8: a CPU computes half precision by",
        ),
        ({"targets": ("cpu:fp16",)}, "use --target cuda for a GPU (a CPU runs that bundle too, with a warning)"),
        ({"targets": ("cuda:fp8",)}, "--target cuda in 'fp8', expected fp32 or fp16: choose one of these"),
        ({"targets": ("openvino:fp16",)}, "use --target openvino:bf16, which is faster where the CPU has bf16"),
        ({"bf16": True, "targets": ("cpu",)}, "--target cpu in 'bf16', expected fp32 or int8: ONNX Runtime has bf16"),
        ({"bf16": True, "targets": ("cuda",)}, "use --target openvino:bf16 for a CPU, --target cuda:fp16 for a GPU"),
        ({"fp16": True, "bf16": True}, "--fp16 and --bf16, expected one of them"),
        ({"targets": ("cuda",), "int8": True}, "use --target cuda:fp16, --target tensorrt:int8, or --int8 for a CPU"),
        ({"targets": ("tensorrt:bf16",)}, "--target tensorrt in 'bf16', expected fp32 or fp16 or int8: ONNX Runtime"),
        ({"targets": ("tensorrt:int8",)}, "--target tensorrt in int8 takes its scales from data; give --calibrate"),
        ({"profile": "batch=1:2:3"}, "--profile and --build-engine are for TensorRT; give --target tensorrt"),
        ({"build_engine": Path("e")}, "--profile and --build-engine are for TensorRT; give --target tensorrt"),
        ({"targets": ("tensorrt",), "profile": "batch=3:2:1"}, "--profile: batch is 3:2:1, expected 1 <= MIN"),
        ({"targets": ("tensorrt",), "method": "entropy"}, "--accept-unproven and --ranges are for int8; give --int8"),
        ({"targets": ("cuda",), "calibrate": Path("d")}, "--accept-unproven and --ranges are for int8; give --int8"),
        ({"masks": "left"}, "--masks is 'left', expected one of both, any, right_padded"),
        ({"masks": "any", "targets": ("cpu", "openvino")}, "--masks any: for the target cuda, whose kernels depend"),
        (
            {"remove_padding": True},
            "--remove-padding: for the target cuda, whose kernels depend on it; give --target cuda",
        ),
        (
            {"remove_padding": True, "masks": "any", "targets": ("cuda",)},
            "--masks any and --remove-padding, expected --remove-padding alone: only the artefact for right",
        ),
        ({"targets": ("cuda:",)}, "--target cuda in '', expected fp32 or fp16"),
        (
            {"targets": ("cuda", "cuda:fp16")},
            "target cuda in fp32 and fp16, expected one: a bundle holds one graph each",
        ),
        (
            {"targets": ("tpu",)},
            "target 'tpu' is not built yet; this version makes auto, cpu, cuda, openvino, portable, tensorrt",
        ),
        ({"targets": ()}, "no target given; expected one or more of auto, cpu, cuda, openvino, portable, tensorrt"),
        ({"task": "auto"}, "neither a model nor a task given"),
        ({"adapter": "a"}, "--adapter and --revision belong to a --model"),
        ({"revision": "main"}, "--adapter and --revision belong to a --model"),
        ({"max_length": 7}, "--max-length is 7, expected at least 8 tokens"),
        ({"max_length": -1}, "--max-length is -1, expected at least 8 tokens"),
        ({"activation": "tanh"}, "--activation is 'tanh', expected one of none, sigmoid, softmax"),
        (
            {"bundle": Path("b"), "task": "auto", "int8": True, "activation": "none"},
            "--bundle with --activation, expected --bundle alone: it was made with settings of its own",
        ),
    ],
)
def test_an_option_that_cannot_be_served_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as error:
        ExportOptions(**({"task": "qa"} | values))
    assert message in str(error.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(OptionError) as error:
        ExportOptions(task="qa", fp16=True, targets=("cpu", "abacus"), max_length=1)
    assert [word in str(error.value) for word in ("'fp16'", "'abacus'", "--max-length")] == [True] * 3


def test_the_least_max_length_is_accepted() -> None:
    assert ExportOptions(task="qa", max_length=8).max_length == 8


@pytest.mark.parametrize(
    ("targets", "resolved"),
    [
        (("auto",), ("cpu:fp32",)),
        (("portable", "cpu"), ("portable:fp32", "cpu:fp32")),
        (("cpu", "auto", "portable", "cpu:fp32"), ("cpu:fp32", "portable:fp32")),
        (("cpu", "cuda:fp16"), ("cpu:fp32", "cuda:fp16")),
        (("auto:fp16",), ("cuda:fp16",)),
        (("auto:bf16", "cpu"), ("openvino:bf16", "cpu:fp32")),
    ],
)
def test_auto_is_cpu_and_repetitions_count_once(targets: tuple[str, ...], resolved: tuple[str, ...]) -> None:
    variants = ExportOptions(task="qa", targets=targets).variants
    assert tuple(f"{variant.target}:{variant.precision}" for variant in variants) == resolved


def test_bf16_is_for_openvino() -> None:
    assert ExportOptions(task="qa", bf16=True).variants == (Variant("openvino", "bf16"),)


def test_half_precision_is_for_the_targets_that_name_no_other() -> None:
    options = ExportOptions(task="qa", fp16=True, targets=("auto", "cpu:fp32", "portable"))
    assert options.variants == (Variant("cuda", "fp16"), Variant("cpu", "fp32"), Variant("portable", "fp16"))


def test_data_may_tell_lengths_to_an_engine_of_any_precision() -> None:
    options = ExportOptions(
        task="qa", fp16=True, targets=("tensorrt",), calibrate=Path("d"), limit=3, profile="batch=1:2:3"
    )
    assert options.variants == (Variant("tensorrt", "fp16"),)
    assert set(options.profile_axes) == {"batch"}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"output": 5}, "output is 5 (int), expected a path"),
        ({"targets": "cpu"}, "targets is a str, expected a tuple (in JSON: a list) of strings"),
        ({"targets": None}, "targets is a NoneType, expected a tuple"),
        ({"max_length": "8"}, "max_length is '8' (str), expected a value of type int"),
        ({"max_drop": "0.1"}, "max_drop is '0.1' (str), expected a finite number"),
        ({"int8": 1}, "int8 is 1 (int), expected a value of type bool"),
        ({"task": None}, "task is None (NoneType), expected a string"),
        ({"model": 3}, "model is 3 (int), expected a string"),
        ({"limit": 2.5, "force": "yes"}, "force is 'yes' (str), expected a value of type bool; limit is 2.5 (float)"),
    ],
)
def test_values_of_a_wrong_type_are_named_at_once(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(OptionError, match=re.escape(told)):
        ExportOptions(**{"task": "qa", **fields})


def test_values_that_mean_the_same_are_taken(tmp_path: Path) -> None:
    given: dict[str, Any] = {"model": tmp_path, "output": str(tmp_path / "out"), "targets": ["cpu", "portable"]}
    expected = ExportOptions(model=str(tmp_path), output=tmp_path / "out", targets=("cpu", "portable"))
    assert ExportOptions(**given) == expected


OTHER: dict[str, Any] = {
    "model": "m",
    "task": "qa",
    "adapter": "a",
    "revision": "main",
    "output": Path("o"),
    "force": True,
    "targets": ("cpu",),
    "fp16": True,
    "bf16": True,
    "int8": True,
    "bundle": Path("b"),
    "prune": True,
    "speedup": 1.5,
    "save_pruned": Path("d"),
    "allow_pruning": True,
    "calibrate": Path("c"),
    "limit": 5,
    "method": "dynamic",
    "preset": "performance",
    "max_drop": 0.1,
    "accept_unproven": True,
    "ranges": Path("r"),
    "profile": "batch=1:2:3",
    "build_engine": Path("e"),
    "optimize": "latency",
    "masks": "any",
    "remove_padding": True,
    "plain": True,
    "allow_random_head": True,
    "ignore_auto_map": True,
    "max_length": 9,
    "pooling": "cls",
    "normalize": False,
    "activation": "none",
    "prompt_name": "query",
}
"""A value of each option that is not its default."""

DATA = {"calibrate", "max_drop", "accept_unproven"}
INT8 = {"targets", "method", "ranges", *DATA}
SETTLED = {"plain", "allow_random_head", "ignore_auto_map", "max_length", "pooling", "normalize", "activation"} | {
    "prompt_name"
}
MODES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "fp32 of a checkpoint": ({"model": "m"}, {"adapter", "revision", "targets", *SETTLED}),
    "cuda of a checkpoint": (
        {"model": "m", "targets": ("cuda",)},
        {"adapter", "revision", "masks", "remove_padding", *SETTLED},
    ),
    "tensorrt of a checkpoint": (
        {"model": "m", "targets": ("tensorrt",)},
        {"adapter", "revision", "calibrate", "profile", "build_engine", *SETTLED},
    ),
    "int8 of a checkpoint": (
        {"model": "m", "int8": True},
        {"adapter", "revision", *INT8, *SETTLED},
    ),
    "int8 of a demo": ({"task": "qa", "int8": True}, {*INT8, *SETTLED}),
    "int8 of a bundle": ({"bundle": Path("b"), "int8": True}, INT8),
    "pruning of a checkpoint": (
        {"model": "m", "prune": True, "calibrate": Path("c")},
        {"adapter", "revision", "targets", "speedup", "save_pruned", "limit", "max_drop", "accept_unproven", *SETTLED},
    ),
    "pruning of a bundle": (
        {"bundle": Path("b"), "prune": True, "calibrate": Path("c")},
        {"targets", "speedup", "limit", "max_drop", "accept_unproven"},
    ),
    "the best of a checkpoint": ({"model": "m", "optimize": "latency"}, {"adapter", "revision", *SETTLED, *DATA}),
    "the best of a bundle": ({"bundle": Path("b"), "optimize": "throughput"}, DATA),
}
"""Options of each mode, and those that mean something beside them by themselves."""

ALWAYS = {"output", "force", "task", "model", "optimize"}
PRECISIONS = {"fp16", "bf16", "int8"}


def test_every_option_has_a_value_to_be_tried_with() -> None:
    fields = {field.name: field.default for field in dataclasses.fields(ExportOptions)}
    ruled = applicability.OF_A_CHECKPOINT | applicability.OF_A_CHOICE | applicability.OF_ONE_TARGET
    assert ruled <= fields.keys()
    assert fields.keys() == OTHER.keys()
    assert not [name for name, default in fields.items() if OTHER[name] == default]


@pytest.mark.parametrize("name", OTHER)
@pytest.mark.parametrize("mode", MODES)
def test_an_option_means_something_in_a_mode_or_is_refused_by_its_flag(mode: str, name: str) -> None:
    given, meant = MODES[mode]
    if name in given or (name in ALWAYS and "bundle" not in given) or name in ("output", "force", *PRECISIONS):
        return
    if name in meant:
        assert getattr(ExportOptions(**given, **{name: OTHER[name]}), name) == OTHER[name]
        return
    with pytest.raises(OptionError, match=applicability.flag_of(name)):
        ExportOptions(**given, **{name: OTHER[name]})
