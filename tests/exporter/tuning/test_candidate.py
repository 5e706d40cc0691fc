"""What is tried is what this machine can run; what is not has its reason."""

from __future__ import annotations

import pytest

from bert_export.tuning.candidate import TRIED, plans_for, thread_counts
from bert_runtime.machine.cpu import Cpu
from bert_runtime.machine.system import System

FULL = System(
    packages={"onnxruntime": "1.31.1", "openvino": "2026.4"},
    modules=frozenset({"onnxruntime", "openvino"}),
    cpu=Cpu("a CPU", ("AVX512-VNNI", "AVX512-BF16")),
)
NO_BF16 = System(packages=FULL.packages, modules=FULL.modules, cpu=Cpu("an older CPU", ("AVX2",)))
NO_OPENVINO = System(packages={"onnxruntime": "1.31.1"}, modules=frozenset({"onnxruntime"}), cpu=FULL.cpu)


def names(system: System, has_data: bool = True, is_decoder: bool = False) -> list[str]:
    return [plan.name for plan in plans_for(system, has_data, is_decoder).plans]


def reasons(system: System, has_data: bool = True, is_decoder: bool = False) -> dict[str, str]:
    return dict(plans_for(system, has_data, is_decoder).absent)


def test_with_all_packages_and_data_every_precision_of_the_cpus_targets_is_tried() -> None:
    assert names(FULL) == [
        "cpu fp32",
        "cpu int8 performance",
        "cpu int8 accuracy",
        "openvino fp32",
        "openvino bf16",
        "openvino int8 performance",
        "openvino int8 accuracy",
    ]
    assert reasons(FULL) == {}
    tried = {(plan.target, plan.precision) for plan in plans_for(FULL, True, False).plans}
    assert tried == {(target.name, precision) for target in TRIED for precision in target.precisions}


def test_a_package_that_is_not_installed_is_named_with_its_cure() -> None:
    assert names(NO_OPENVINO) == ["cpu fp32", "cpu int8 performance", "cpu int8 accuracy"]
    assert "pip install 'bert-export[openvino]'" in reasons(NO_OPENVINO)["openvino"]


def test_without_bf16_in_the_cpu_it_is_not_tried() -> None:
    assert "openvino bf16" not in names(NO_BF16)
    assert "no bf16 products" in reasons(NO_BF16)["openvino bf16"]


def test_without_data_only_the_plan_that_needs_none_is_tried() -> None:
    assert [name for name in names(FULL, has_data=False) if "int8" in name] == [
        "cpu int8 per-token",
        "openvino int8 per-token",
    ]
    report = reasons(FULL, has_data=False)
    assert set(report) == {f"{target.name} int8 {plan}" for target in TRIED for plan in ("performance", "accuracy")}
    assert set(report.values()) == {"needs calibration data; give --calibrate FILE"}


def test_a_decoder_is_not_tried_in_int8() -> None:
    assert names(FULL, is_decoder=True) == ["cpu fp32", "openvino fp32", "openvino bf16"]
    assert set(reasons(FULL, is_decoder=True)) == {"cpu int8", "openvino int8"}


@pytest.mark.parametrize(
    ("cpus", "expected"), [(1, (1,)), (2, (2, 1)), (3, (3, 2, 1)), (8, (8, 4, 2, 1)), (12, (12, 8, 4, 2, 1))]
)
def test_threads_are_all_and_the_powers_of_two_below(cpus: int, expected: tuple[int, ...]) -> None:
    assert thread_counts(cpus) == expected
