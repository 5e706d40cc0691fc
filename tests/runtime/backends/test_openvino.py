"""OpenVINO, the real package: the answers of every head, in no other arithmetic than the manifest's."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.runtime.backends.conftest import GOLDEN, Retarget, rewrite_graph
from tests.without_exporter import is_exporter_there

from bert_runtime import graph_signature
from bert_runtime.backends import openvino
from bert_runtime.backends.openvino import OpenVinoEngine
from bert_runtime.errors import BackendError, BundleError, InputError
from bert_runtime.loading import load
from bert_runtime.options import Options
from bert_runtime.schedule import BatchLimits
from bert_runtime.tasks import TASKS

if TYPE_CHECKING or is_exporter_there():
    import onnx
    from onnx import numpy_helper

    from bert_export.verify.answers import same_answer

CLASSIFICATION = GOLDEN / "text-classification" / "model.onnx"
FETCH = ["logits"]
FP32, BF16 = 1e-5, 1e-2
"""Logits of the order of one: float32 rounds at 1e-7, bf16 at 4e-3, and both add up over two layers."""


def feeds(batch: int = 2, sequence: int = 6, start: int = 5) -> dict[str, Any]:
    ids = start + np.arange(batch * sequence, dtype=np.int64).reshape(batch, sequence) % 50
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}


def cases(task: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((GOLDEN / f"{task}.json").read_bytes())
    return found


def worst(engine: OpenVinoEngine) -> float:
    """The largest difference from the logits that torch gave for the golden texts."""
    found = 0.0
    for row in (row for case in cases("text-classification") for row in case["rows"]):
        given = {name: np.array([values], dtype=np.int64) for name, values in row["inputs"].items()}
        found = max(found, float(np.abs(engine.run(given, FETCH)["logits"][0] - row["outputs"]["logits"]).max()))
    return found


@pytest.fixture
def engine() -> Iterator[OpenVinoEngine]:
    made = OpenVinoEngine(CLASSIFICATION, "fp32", 1)
    yield made
    made.close()


@pytest.fixture
def any_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Golden graphs are fused for the CPU. OpenVINO computes their operators too, which no bundle for it holds."""
    monkeypatch.setattr(graph_signature, "operator_problems", lambda target, found: ())


@pytest.mark.usefixtures("any_operators")
@pytest.mark.parametrize("task", [task.name for task in TASKS])
def test_every_golden_answer_is_the_same(task: str, retarget: Retarget) -> None:
    requests = [case["request"] for case in cases(task)]
    with (
        load(GOLDEN / task) as one,
        load(retarget(task, "openvino:fp32"), options=Options(target="openvino", threads=1)) as other,
    ):
        assert other.engine.name.startswith("openvino ")
        for request in requests:
            assert same_answer(one(request), other(request), 1e-5)


@pytest.mark.usefixtures("any_operators")
@pytest.mark.parametrize(
    ("mode", "multiple", "widths"),
    [("latency", None, {16, 32}), ("throughput", None, {8, 16, 24, 32}), ("latency", 20, {20, 32})],
)
@pytest.mark.parametrize("task", ["token-classification", "text-classification"])
def test_texts_of_any_length_are_few_shapes_and_the_same_answers(
    task: str, mode: str, multiple: int | None, widths: set[int], retarget: Retarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [{"text": " ".join(["the film"] * words)} for words in range(1, 40)]
    with (
        load(GOLDEN / task) as one,
        load(
            retarget(task, "openvino:fp32"),
            options=Options("openvino", 1, BatchLimits(pad_to_multiple_of=multiple), mode=mode),
        ) as other,
    ):
        run, met = other.engine.run, set[int]()

        def watched(given: Any, fetch: Any) -> Any:
            met.add(given["input_ids"].shape[1])
            return run(given, fetch)

        monkeypatch.setattr(other.engine, "run", watched)
        for request in asked:
            assert same_answer(one(request), other(request), 1e-5)
        assert met == widths  # the model takes 32 tokens


def test_fp32_is_never_bf16_and_bf16_is_no_fp32(engine: OpenVinoEngine) -> None:
    narrow = OpenVinoEngine(CLASSIFICATION, "bf16", 1)

    assert engine.name.endswith(" CPU f32")
    assert worst(engine) < FP32
    if not narrow.name.endswith(" CPU bf16"):
        pytest.skip("this CPU has no bf16")
    assert FP32 * 10 < worst(narrow) < BF16 * 10


def test_int8_computes_what_is_not_quantised_as_bf16_does() -> None:
    name = OpenVinoEngine(CLASSIFICATION, "int8", 1).name
    assert name.endswith(" CPU int8 and bf16") or name.endswith(" CPU int8 and f32")


@pytest.mark.exporter
@pytest.mark.parametrize(("width", "group"), [(384, 384), (100, 64), (20, 64)])
def test_weights_in_int8_share_scales_over_as_many_numbers_as_the_network_is_wide(
    width: int, group: int, tmp_path: Path
) -> None:
    shapes = {"wide": (width, 4 * width), "narrow": (4 * width, width)}
    stored = {name: np.ones(shape, np.int8) for name, shape in shapes.items()}
    constants = [numpy_helper.from_array(values, name) for name, values in stored.items()]
    constants.append(numpy_helper.from_array(np.array(0.01, np.float32), "scale"))
    nodes, last = [], "x"
    for name in shapes:
        nodes.append(onnx.helper.make_node("DequantizeLinear", [name, "scale"], [f"{name}.float"]))
        nodes.append(onnx.helper.make_node("MatMul", [last, f"{name}.float"], [f"{name}.out"]))
        last = f"{name}.out"
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["rows", width]) for name in ("x", last)]
    graph = onnx.helper.make_graph(nodes, "products", ends[:1], ends[1:], constants)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)]), tmp_path / "m.onnx")

    made = OpenVinoEngine(tmp_path / "m.onnx", "int8", 1)
    assert made._compiled.get_property("DYNAMIC_QUANTIZATION_GROUP_SIZE") == group


def test_a_cpu_without_bf16_is_told_of_and_computes_in_f32(monkeypatch: pytest.MonkeyPatch) -> None:
    real = openvino.import_openvino()

    class Core(real.Core):  # type: ignore[misc, name-defined]
        def get_property(self, device: str, name: str) -> Any:
            found = super().get_property(device, name)
            return [one for one in found if one != "BF16"] if name == "OPTIMIZATION_CAPABILITIES" else found

    monkeypatch.setattr(real, "Core", Core)
    with pytest.warns(UserWarning, match="this CPU has no bf16 arithmetic: the bf16 artefact runs in f32"):
        engine = OpenVinoEngine(CLASSIFICATION, "bf16", 1)

    assert engine.name.endswith(" CPU f32")
    assert worst(engine) < FP32
    assert OpenVinoEngine(CLASSIFICATION, "int8", 1).name.endswith(" CPU int8 and f32")


def test_half_precision_is_refused() -> None:
    with pytest.raises(BackendError, match="openvino runs the precisions fp32, bf16, int8, not fp16"):
        OpenVinoEngine(CLASSIFICATION, "fp16", 1)


def test_eight_threads_on_one_engine_answer_as_one_does(engine: OpenVinoEngine) -> None:
    given = [feeds(1 + i % 3, 3 + i % 7, i % 40) for i in range(64)]
    alone = [engine.run(each, FETCH)["logits"] for each in given]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda each: engine.run(each, FETCH)["logits"], given))

    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_slices_and_read_only_arrays_are_taken(engine: OpenVinoEngine) -> None:
    """OpenVINO shares memory with its caller's arrays: a copy made for it must outlive the call."""
    wide = {name: np.repeat(array, 2, axis=1) for name, array in feeds().items()}
    for each in wide.values():
        each.setflags(write=False)
    slices = {name: array[:, ::2] for name, array in wide.items()}
    rubbish = [np.full((2, 6), 9, dtype=np.int64) for _ in range(100)]
    gc.collect()

    for _ in range(20):
        rubbish = [np.full((2, 6), 9, dtype=np.int64) for _ in rubbish]
        np.testing.assert_array_equal(engine.run(slices, FETCH)["logits"], engine.run(feeds(), FETCH)["logits"])


def test_outputs_are_written_where_they_lie(engine: OpenVinoEngine) -> None:
    logits = np.zeros((2, 3), dtype=np.float32)
    engine.run_into(feeds(), {"logits": logits})
    np.testing.assert_array_equal(logits, engine.run(feeds(), FETCH)["logits"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_ids": np.full((2, 6), 10_000)}, "input_ids holds 10000, expected 0 to "),
        ({"input_ids": np.full((2, 6), -1)}, "input_ids holds -1, expected 0 to "),
        ({"token_type_ids": np.full((2, 6), 2)}, "token_type_ids holds 2, expected 0 to 1"),
        ({"input_ids": np.ones((2, 6), dtype=np.int32)}, "could not run the graph: .*precision"),
        ({"input_ids": np.ones(6, dtype=np.int64)}, "could not run the graph: .*incompatible"),
        (
            {"input_ids": np.ones((3, 6), dtype=np.int64)},
            "attention_mask has the shape .2, 6., .*expected as many rows",
        ),
        ({"labels": np.ones((2, 6))}, "got the inputs attention_mask, input_ids, labels, token_type_ids, expected "),
    ],
)
def test_wrong_feeds_are_refused(engine: OpenVinoEngine, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BackendError, match=message):
        engine.run({**feeds(), **changes}, FETCH)


def test_a_missing_input_and_an_unknown_output_are_refused(engine: OpenVinoEngine) -> None:
    with pytest.raises(BackendError, match="got the inputs input_ids, expected attention_mask, input_ids, token"):
        engine.run({"input_ids": feeds()["input_ids"]}, FETCH)
    with pytest.raises(BackendError, match="could not run the graph"):
        engine.run(feeds(), ["pooled"])


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 3), "logits has the shape .3, 3., expected as many rows as input_ids has: 2"),
        ((1, 3), "logits has the shape .1, 3., expected as many rows as input_ids has: 2"),
        ((2, 2), "openvino (gives logits the shape|could not run the graph)"),
    ],
)
def test_an_output_of_another_shape_is_refused(engine: OpenVinoEngine, shape: tuple[int, int], message: str) -> None:
    with pytest.raises(BackendError, match=message):
        engine.run_into(feeds(), {"logits": np.zeros(shape, dtype=np.float32)})


def test_a_closed_session_says_so(retarget: Retarget) -> None:
    session = load(retarget("text-classification", "openvino:fp32"))
    session.close()
    with pytest.raises(BackendError, match="the session is closed; load the bundle again"):
        session({"text": "a"})


def test_a_file_that_is_no_graph_is_a_bundle_error(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(BundleError, match=r"^model\.onnx: openvino .* cannot load it"):
        OpenVinoEngine(tmp_path / "model.onnx", "fp32", 1)


def test_the_attentions_run_as_one_kernel_each(engine: OpenVinoEngine) -> None:
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    if "avx512bw" not in flags:
        pytest.skip("OpenVINO has that kernel for AVX-512 only")
    layers = json.loads((GOLDEN / "text-classification/config.json").read_bytes())["num_hidden_layers"]
    assert engine.fused_attentions == layers


def test_the_compiled_model_is_kept_by_content_and_outside_of_the_bundle(retarget: Retarget, tmp_path: Path) -> None:
    bundle = retarget("text-classification", "openvino:fp32")
    cache = Options(target="openvino", threads=1, cache=tmp_path / "cache")
    answers = []
    for _ in range(2):
        with load(bundle, options=cache) as session:
            answers.append(session({"text": "the film"}))
    kept = list((tmp_path / "cache").iterdir())

    assert answers[0] == answers[1]
    assert len(kept) == 1
    assert [path.suffix for path in kept[0].iterdir()] == [".blob"]
    with pytest.raises(InputError, match="lies in the bundle"):
        load(bundle, options=Options(cache=bundle / "cache"))
    assert {path.name for path in bundle.iterdir()} == {
        path.name for path in (GOLDEN / "text-classification").iterdir()
    }


def test_a_bundle_that_is_replaced_is_not_answered_from_the_cache(retarget: Retarget, tmp_path: Path) -> None:
    """With equal path, size and time OpenVINO alone would take the old model for the new one."""
    bundle, text = retarget("text-classification", "openvino:fp32"), {"text": "the film"}
    cache = Options(target="openvino", threads=1, cache=tmp_path / "cache")
    with load(bundle, options=cache) as session:
        before = session(text)
    path = bundle / "model.onnx"
    old = path.stat()
    rewrite_graph(bundle, _other_head)
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert path.stat().st_size == old.st_size
    with load(bundle, options=cache) as session, load(bundle, options=Options(threads=1)) as uncached:
        assert session(text) == uncached(text) != before


def _other_head(model: onnx.ModelProto) -> None:
    """Other logits from as many bytes."""
    weight = next(each for each in model.graph.initializer if each.name == "classifier.weight")
    weight.raw_data = (numpy_helper.to_array(weight) * np.float32(2)).tobytes()


def test_a_cache_that_cannot_be_made_is_refused(retarget: Retarget, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match=r"cache: .* cannot be made \(.*\); name a directory"):
        load(retarget("text-classification", "openvino:fp32"), options=Options(cache=tmp_path / "file"))


def test_loading_the_engine_reports_to_nobody() -> None:
    program = (
        "import sys; from pathlib import Path; from bert_runtime.backends.openvino import OpenVinoEngine\n"
        "OpenVinoEngine(Path(sys.argv[1]), 'fp32', 1)\n"
        "assert 'openvino' in sys.modules\n"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    )
    command = [sys.executable, "-c", program, str(CLASSIFICATION)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"
