"""A named target runs or is refused; auto takes the fastest that is here, and tells of a faster one that is not."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import pytest
from tests.runtime.backends.conftest import Retarget
from tests.test_imports import python

from bert_runtime.backends import select
from bert_runtime.errors import BackendError
from bert_runtime.loading import load
from bert_runtime.machine.system import System
from bert_runtime.options import Options

TASK = "text-classification"
BARE = System(packages={"onnxruntime": "1.31.1"}, modules=frozenset({"onnxruntime"}))


@pytest.fixture
def without_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "this_system", lambda _: BARE)


def chosen(*arguments: Any, **values: Any) -> tuple[str, str, str]:
    with load(*arguments, options=Options(threads=1, **values)) as session:
        return session.artefact.target, session.artefact.precision, session.engine.name.partition(" ")[0]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (("cpu:fp32", "openvino:fp32"), ("openvino", "fp32", "openvino")),
        (("cpu:int8", "openvino:bf16"), ("cpu", "int8", "onnxruntime")),
        (("cpu:int8", "openvino:int8"), ("openvino", "int8", "openvino")),
        (("cpu:fp32", "openvino:bf16", "portable:int8"), ("portable", "int8", "onnxruntime")),
        (("portable:fp32", "cpu:fp32"), ("cpu", "fp32", "onnxruntime")),
    ],
)
def test_auto_takes_the_fastest(held: tuple[str, ...], expected: tuple[str, ...], retarget: Retarget) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert chosen(retarget(TASK, *held)) == expected


def test_a_named_target_is_taken_whatever_is_faster(retarget: Retarget) -> None:
    bundle = retarget(TASK, "openvino:fp32", "cpu:fp32")
    assert chosen(bundle, target="cpu") == ("cpu", "fp32", "onnxruntime")
    assert chosen(bundle, target="openvino") == ("openvino", "fp32", "openvino")


@pytest.mark.usefixtures("without_openvino")
def test_a_faster_artefact_without_its_package_is_told_of(retarget: Retarget) -> None:
    with pytest.warns(UserWarning, match="the bundle's openvino bf16 artefact is faster") as caught:
        assert chosen(retarget(TASK, "cpu:fp32", "openvino:bf16")) == ("cpu", "fp32", "onnxruntime")
    message = str(caught[0].message)
    assert "cpu fp32 runs; run `pip install 'bert-export[openvino]'`, or name the target cpu" in message
    assert caught[0].filename == __file__


@pytest.mark.usefixtures("without_openvino")
def test_a_slower_artefact_without_its_package_is_not_worth_a_word(retarget: Retarget) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert chosen(retarget(TASK, "cpu:int8", "openvino:fp32")) == ("cpu", "int8", "onnxruntime")


@pytest.mark.usefixtures("without_openvino")
def test_a_bundle_for_a_missing_engine_alone_still_answers(retarget: Retarget) -> None:
    with pytest.warns(UserWarning, match="holds only openvino; its openvino file runs on ONNX Runtime's CPU") as caught:
        assert chosen(retarget(TASK, "openvino:fp32")) == ("openvino", "fp32", "onnxruntime")
    assert "run `pip install 'bert-export[openvino]'` for the engine that it was made for" in str(caught[0].message)


def test_without_the_package_a_named_target_says_what_to_install(retarget: Retarget) -> None:
    program = (
        "import sys, bert_runtime\n"
        "try:\n    bert_runtime.load(sys.argv[1], options=bert_runtime.Options('openvino'))\n"
        "except bert_runtime.BackendError as error:\n    print(error)"
    )
    printed = python(program, str(retarget(TASK, "cpu:fp32", "openvino:fp32")), blocked=("openvino",))
    assert printed == ("openvino cannot be imported (openvino is blocked); run `pip install 'bert-export[openvino]'`")


def test_without_the_package_auto_answers_by_another_engine(retarget: Retarget) -> None:
    program = "import sys, bert_runtime\nprint(bert_runtime.load(sys.argv[1]).engine.name)"
    printed = python(program, str(retarget(TASK, "cpu:fp32", "openvino:fp32")), blocked=("openvino",))
    assert printed.startswith("onnxruntime ")


def test_a_target_that_the_bundle_lacks_is_refused(retarget: Retarget) -> None:
    with pytest.raises(BackendError, match="'openvino' was asked for, but the bundle holds cpu"):
        chosen(retarget(TASK, "cpu:fp32"), target="openvino")


def test_the_command_names_its_target_and_describes_it(retarget: Retarget) -> None:
    bundle = str(retarget(TASK, "openvino:fp32"))
    command = [sys.executable, "-m", "bert_runtime.cli", bundle]
    described = subprocess.run([*command, "--describe"], capture_output=True, text=True, check=True).stdout
    answered = subprocess.run(
        [*command, "--target", "openvino", "--text", "the film", "--json"], capture_output=True, text=True, check=True
    )

    assert "openvino" in described
    assert '"labels"' in answered.stdout
    assert answered.stderr == ""
