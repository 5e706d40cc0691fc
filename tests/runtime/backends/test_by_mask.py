"""Of two artefacts that differ in their masks each call gets the right one, and the second is loaded once, if at all.

The bundle is a golden one: two real graphs that share their weights. A GPU's engine is ONNX Runtime's on the CPU here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runtime.backends.conftest import GOLDEN
from tests.runtime.machine.conftest import GPU_SERVER, LAPTOP

from bert_runtime.backends import select
from bert_runtime.backends.by_mask import EngineByMask
from bert_runtime.backends.engine import Array, Engine
from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine
from bert_runtime.backends.options import EngineOptions
from bert_runtime.bench import Plan, bench
from bert_runtime.bundle import Bundle, read
from bert_runtime.cli.report import examine
from bert_runtime.errors import BackendError, InputError
from bert_runtime.loading import load, start_session
from bert_runtime.machine.system import System
from bert_runtime.manifest import Artefact
from bert_runtime.options import Options
from bert_runtime.session import Session

BY_MASK = GOLDEN / "token-classification-by-mask"
RIGHT = [[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]
OTHERS = [[[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]], [[1, 0, 1, 0, 1], [1, 1, 0, 0, 0]], [[1, 1, 1, 1, 1], [0, 0, 0, 0, 1]]]


class Started(list[str]):
    """The files that were loaded, in order."""

    def __call__(self, directory: Path, artefact: Artefact, options: EngineOptions) -> Engine:
        self.append(artefact.file)
        return OnnxRuntimeEngine(directory / artefact.file, options.threads)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """A machine with a GPU whose engine is the CPU's."""
    files = Started()
    monkeypatch.setattr(select, "ENGINES", {**select.ENGINES, "tensorrt": files, "cuda": files})
    monkeypatch.setattr(select, "this_system", lambda _: GPU_SERVER)
    return files


def feeds(mask: Sequence[Sequence[int]]) -> dict[str, Array]:
    array = np.array(mask, dtype=np.int64)
    ids = np.arange(5, 5 + array.size, dtype=np.int64).reshape(array.shape)
    return {"input_ids": ids, "attention_mask": array, "token_type_ids": np.zeros_like(array)}


def expected(mask: Sequence[Sequence[int]]) -> Array:
    """What the artefact for any mask answers."""
    engine = OnnxRuntimeEngine(BY_MASK / "model.onnx", 1)
    return engine.run(feeds(mask), ["logits"])["logits"]


def check(session: Session[Any, Any], mask: Sequence[Sequence[int]]) -> None:
    """The tokens that the mask shows are answered right."""
    shown = np.array(mask, dtype=bool)
    np.testing.assert_allclose(session.run(feeds(mask))["logits"][shown], expected(mask)[shown], atol=1e-5)


def test_right_padded_masks_never_load_the_other_artefact(started: Started) -> None:
    with load(BY_MASK, options=Options("cuda", threads=1)) as session:
        assert session({"text": "a good film"}).entities is not None
        assert len(list(session.predict([{"text": "a " * n} for n in range(1, 9)]))) == 8
        check(session, RIGHT)
        assert started == ["model.right_padded.onnx"]


@pytest.mark.parametrize("mask", OTHERS)
def test_any_other_mask_is_answered_by_the_artefact_for_it(mask: list[list[int]], started: Started) -> None:
    right_padded = OnnxRuntimeEngine(BY_MASK / "model.right_padded.onnx", 1)
    wrong = right_padded.run(feeds(mask), ["logits"])["logits"][np.array(mask, dtype=bool)]
    assert np.abs(wrong - expected(mask)[np.array(mask, dtype=bool)]).max() > 0.01  # so that a wrong choice would show
    with load(BY_MASK, options=Options("cuda", threads=1)) as session:
        check(session, mask)
        check(session, RIGHT)
        check(session, mask)
        assert started == ["model.right_padded.onnx", "model.onnx"]


def test_what_runs_is_said(started: Started) -> None:
    why = "model.right_padded.onnx answers right-padded masks, and model.onnx any other"
    with load(BY_MASK, options=Options(threads=1)) as session:
        assert (session.active_target, session.artefact.mask) == ("cuda", "any")
        assert session.right_padded is not None
        assert session.right_padded.file == "model.right_padded.onnx"
        assert session.reason == f"it is the first that auto tries of those that run here; {why}"
    with load(BY_MASK, options=Options("cuda")) as session:
        assert session.reason == f"it was named; {why}"


def test_threads_that_need_the_other_artefact_at_once_load_it_once(started: Started) -> None:
    with load(BY_MASK, options=Options("cuda", threads=1)) as session, ThreadPoolExecutor(8) as pool:
        barrier = threading.Barrier(8)

        def ask(number: int) -> None:
            barrier.wait()
            check(session, OTHERS[number % 3] if number % 4 else RIGHT)

        list(pool.map(ask, range(8)))
    assert started == ["model.right_padded.onnx", "model.onnx"]


def test_an_artefact_that_cannot_be_loaded_is_an_error_of_the_call_and_tried_again() -> None:
    tries: Iterator[BackendError | Engine] = iter(
        [BackendError("out of memory"), OnnxRuntimeEngine(BY_MASK / "model.onnx", 1)]
    )

    def start() -> Engine:
        found = next(tries)
        if isinstance(found, BackendError):
            raise found
        return found

    engine = EngineByMask(OnnxRuntimeEngine(BY_MASK / "model.right_padded.onnx", 1), start)
    with pytest.raises(BackendError, match="out of memory"):
        engine.run(feeds(OTHERS[0]), ["logits"])
    outputs = {"logits": np.zeros((2, 5, 5), np.float32)}
    engine.run_into(feeds(OTHERS[0]), outputs)
    np.testing.assert_allclose(outputs["logits"], expected(OTHERS[0]), atol=1e-5)


def test_a_closed_session_loads_nothing(started: Started) -> None:
    session = load(BY_MASK, options=Options("cuda"))
    session.close()
    for mask in (RIGHT, OTHERS[0]):
        with pytest.raises(BackendError, match="the session is closed"):
            session.run(feeds(mask))
    assert started == ["model.right_padded.onnx"]


@pytest.fixture
def narrow() -> Bundle:
    """A bundle that holds the artefact for right-padded masks alone."""
    found = read(BY_MASK)
    held = found.manifest.by_target["cuda"].right_padded
    assert held is not None
    return replace(found, manifest=replace(found.manifest, artefacts=(held,)))


def test_with_the_artefact_for_right_padded_masks_alone_others_are_refused(started: Started, narrow: Bundle) -> None:
    with start_session(narrow, Options("cuda", threads=1)) as session:
        assert (session.artefact.mask, session.right_padded) == ("right_padded", None)
        check(session, RIGHT)
        with pytest.raises(InputError, match="attention_mask is not right padded in row 0, expected ones, then zeros"):
            session.run(feeds(OTHERS[0]))


@pytest.mark.parametrize("order", [1, -1])
def test_without_a_gpu_one_file_answers_every_mask(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "this_system", lambda _: LAPTOP)
    found = read(BY_MASK)
    bundle = replace(found, manifest=replace(found.manifest, artefacts=found.manifest.artefacts[::order]))
    with pytest.warns(UserWarning, match="the bundle holds only cuda; its cuda file runs on ONNX Runtime's CPU"):
        session = start_session(bundle, Options(threads=1))
    assert (session.artefact.file, session.right_padded) == ("model.onnx", None)
    for mask in (RIGHT, *OTHERS):
        check(session, mask)


def test_the_benchmark_names_the_artefact_that_it_measures(started: Started) -> None:
    lines = list(bench(read(BY_MASK), Plan(batches=(1,), lengths=(4,), seconds=0.01), print))
    assert {line.artefact for line in lines} == {"cuda fp32 right_padded"}
    assert set(started) == {"model.right_padded.onnx"}


@pytest.mark.parametrize(
    ("system", "artefact"), [(GPU_SERVER, "cuda fp32, right_padded and any masks"), (LAPTOP, "cuda fp32")]
)
def test_the_doctor_names_both(system: System, artefact: str) -> None:
    report = examine(system, read(BY_MASK).manifest)
    assert report.auto.artefact == artefact
