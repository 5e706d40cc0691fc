"""An optimised graph gives the answers of transformers, is fused as its head must be, and holds every weight once."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import pytest
import torch
from tests.exporter.conftest import LONGEST, VOCABULARY

from bert_export.errors import OptionError
from bert_export.passes import optimize
from bert_export.passes.fusion_gate import Network, check_fusions, count_fusions, expected_fusions
from bert_runtime.tasks.feature_extraction import FEATURE_EXTRACTION
from bert_runtime.tasks.fill_mask import FILL_MASK
from bert_runtime.tasks.multiple_choice import MULTIPLE_CHOICE
from bert_runtime.tasks.next_sentence_prediction import NEXT_SENTENCE_PREDICTION
from bert_runtime.tasks.pretraining import PRETRAINING
from bert_runtime.tasks.question_answering import QUESTION_ANSWERING
from bert_runtime.tasks.task import Reads, Task
from bert_runtime.tasks.text_classification import TEXT_CLASSIFICATION
from bert_runtime.tasks.token_classification import TOKEN_CLASSIFICATION

Array = np.ndarray[Any, Any]


def rare(*case: Any) -> Any:
    """A case for the slow suite: exports of each head are counted and compared in the fast one too."""
    return pytest.param(*case, marks=pytest.mark.slow)


CASES = [
    rare(PRETRAINING, False, "gelu"),
    (FILL_MASK, False, "gelu"),
    (FILL_MASK, True, "gelu"),
    (NEXT_SENTENCE_PREDICTION, False, "gelu_new"),
    rare(TEXT_CLASSIFICATION, False, "gelu"),
    (MULTIPLE_CHOICE, False, "relu"),
    (TOKEN_CLASSIFICATION, False, "quick_gelu"),
    (QUESTION_ANSWERING, False, "gelu"),
    rare(FEATURE_EXTRACTION, True, "gelu"),
    rare(FEATURE_EXTRACTION, False, "gelu"),
]
cases = pytest.mark.parametrize(("task", "plain", "activation"), CASES, ids=lambda v: getattr(v, "name", str(v)))


def session(model: ir.Model) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    data = ir.to_proto(model).SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def mask_of(kind: str, shape: tuple[int, ...]) -> Array:
    mask = np.ones(shape, np.int64)
    half = shape[-1] // 2
    if kind == "right":
        mask[0, ..., half:] = 0
    elif kind == "left":
        mask[0, ..., :half] = 0
    elif kind == "holes":
        mask[..., 1::3] = 0
    elif kind == "all padding":
        mask[0] = 0
    return mask


def feeds(task: Task[Any, Any, Any], plain: bool) -> list[dict[str, Array]]:
    """Batches, lengths and numbers of choices that were never traced, with every kind of mask."""
    made = []
    kinds = itertools.cycle(["none", "right", "left", "holes", "all padding"])
    sizes = itertools.product((1, 3), (1, 2, 5) if task.choices else (1,), (2, 7, 33, LONGEST))
    for (batch, choices, sequence), kind in zip(sizes, kinds, strict=False):
        random = np.random.default_rng(batch * 1000 + sequence)
        shape = (batch, choices, sequence) if task.choices else (batch, sequence)
        feed = {
            "input_ids": random.integers(0, len(VOCABULARY), shape),
            "attention_mask": mask_of(kind, shape),
            "token_type_ids": random.integers(0, 2, shape),
        }
        if task.reads is Reads.MASKED_POSITIONS and not plain:
            feed["positions"] = random.integers(0, sequence, (batch, min(5, sequence)))
        made.append(feed)
    return made


def truth(model: Any, names: list[str], feed: dict[str, Array]) -> list[Array]:
    """What transformers answers, at the masked positions if any were given."""
    tensors = {name: torch.from_numpy(value) for name, value in feed.items()}
    positions = tensors.pop("positions", None)
    with torch.no_grad():
        output = model(**tensors)
    answers = [getattr(output, name) for name in names if name in output]
    if "sentence_embedding" in names:
        weights = tensors["attention_mask"].unsqueeze(-1).float()
        mean = (output.last_hidden_state * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        answers.append(torch.nn.functional.normalize(mean))
    if positions is not None:
        answers[0] = torch.stack([row[places] for row, places in zip(answers[0], positions, strict=True)])
    return [answer.numpy() for answer in answers]


@pytest.mark.parametrize("target", ["cpu", "portable"])
@cases
def test_graph_answers_like_transformers_and_is_fused(
    graph: Callable[..., ir.Model],
    model: Callable[..., Any],
    task: Task[Any, Any, Any],
    plain: bool,
    activation: str,
    target: str,
) -> None:
    original, fused = model(task.model_class, activation), graph(task, plain, activation)
    optimize(fused, target)
    expected = expected_fusions(Network.of(task, original.config, plain), target)
    check_fusions(fused, expected)
    assert count_fusions(fused) == expected
    run = session(fused)
    names = [output.name for output in run.get_outputs()]
    for feed in feeds(task, plain):
        wanted = truth(original, names, feed)
        for found, one in zip(run.run(names, feed), wanted, strict=True):
            assert found.shape == one.shape
            assert np.abs(found - one).max() < 1e-5


@cases
def test_portable_graph_has_only_operators_of_the_standard(
    graph: Callable[..., ir.Model], task: Task[Any, Any, Any], plain: bool, activation: str
) -> None:
    portable = graph(task, plain, activation)
    report = optimize(portable, "portable")
    assert {node.domain for node in portable.graph} == {""}
    assert dict(portable.opset_imports) == {"": 20}
    assert report.counts["fold_query_scale"] == 2


@cases
def test_axes_have_the_names_of_the_task(
    graph: Callable[..., ir.Model], task: Task[Any, Any, Any], plain: bool, activation: str
) -> None:
    fused = graph(task, plain, activation)
    optimize(fused, "cpu")
    for value, spec in zip(fused.graph.inputs, task.inputs(plain), strict=True):
        assert (value.name, [str(dim) for dim in value.shape or ()]) == (spec.name, list(spec.axes))
    for value, spec in zip(fused.graph.outputs, task.graph_outputs(plain), strict=True):
        dynamic = [
            (str(dim), axis)
            for dim, axis in zip(value.shape or (), spec.axes, strict=True)
            if isinstance(dim, ir.SymbolicDim)
        ]
        assert value.name == spec.name
        assert all(dim == axis for dim, axis in dynamic)
        assert "batch" in dict(dynamic)


def test_padding_mask_is_computed_once_for_all_layers(graph: Callable[..., ir.Model]) -> None:
    fused = graph(QUESTION_ANSWERING)
    optimize(fused, "cpu")
    masks = {node.inputs[3] for node in fused.graph if node.op_type == "Attention"}
    assert len(masks) == 1
    portable = graph(QUESTION_ANSWERING)
    optimize(portable, "portable")
    assert sum(node.op_type == "Where" for node in portable.graph) == 1


@pytest.mark.parametrize("target", ["cpu", "portable"])
@pytest.mark.parametrize("plain", [False, True])
def test_word_embeddings_and_vocabulary_projection_are_one_tensor(
    graph: Callable[..., ir.Model], model: Callable[..., Any], plain: bool, target: str
) -> None:
    fused = graph(FILL_MASK, plain)
    optimize(fused, target)
    stored = sum(value.const_value.nbytes for value in fused.graph.initializers.values() if value.const_value)
    parameters = sum(parameter.numel() for parameter in model("BertForMaskedLM").parameters()) * 4
    assert stored <= 1.02 * parameters


def test_unknown_target_is_refused_with_the_known_ones(graph: Callable[..., ir.Model]) -> None:
    with pytest.raises(OptionError, match="'gpu', expected one of cpu, cuda, tensorrt, openvino, portable"):
        optimize(graph(QUESTION_ANSWERING), "gpu")


ONCE = """
import sys, torch, transformers, onnx_ir as ir
from bert_export.passes import optimize
from bert_export.rewrite import rewrite
from bert_export.trace import trace
from bert_runtime.tasks.fill_mask import FILL_MASK

def export():
    torch.manual_seed(3)
    sizes = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
    model = transformers.BertForMaskedLM(transformers.BertConfig(vocab_size=100, **sizes)).eval()
    graph = trace(rewrite(model, FILL_MASK))
    optimize(graph, "cpu")
    return ir.to_proto(graph).SerializeToString()
"""


def test_graph_holds_no_path_of_this_machine(graph: Callable[..., ir.Model]) -> None:
    fused = graph(FILL_MASK)
    optimize(fused, "cpu")
    data = ir.to_proto(fused).SerializeToString()
    for trail in (b".py", b"site-packages", b"/work", b"/home", b"torch"):
        assert trail not in data


@pytest.mark.slow
def test_two_processes_write_the_same_bytes() -> None:
    names: dict[str, Any] = {}
    exec(ONCE, names)
    here = names["export"]()
    command = [sys.executable, "-c", ONCE + "sys.stdout.buffer.write(export())"]
    there = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    assert here == there
    assert len(here) > 10_000
