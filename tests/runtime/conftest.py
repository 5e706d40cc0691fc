"""Small real bundles: the golden text classification, and tables of logits for heads of other shapes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bert_export import bundle_writer
from bert_runtime.manifest import VERSION, Artefact, Manifest
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import HeadSettings, TensorSpec
from bert_runtime.text import TokenizerRecord

GOLDEN = Path(__file__).parents[1] / "golden/v1/text-classification"
OPSET = 20
MAX_LENGTH = 32
IDS = 128


@pytest.fixture(scope="session")
def classification() -> Path:
    """The golden bundle: a real BERT with three labels that reads 32 tokens."""
    return GOLDEN


@pytest.fixture(scope="session")
def question_answering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each token has its own start and end logit, whatever stands around it."""
    nodes = [
        helper.make_node("Gather", [f"{name}_table", "input_ids"], [name]) for name in ("start_logits", "end_logits")
    ]
    return _bundle(tmp_path_factory.mktemp("bundles") / "qa", "question-answering", nodes)


@pytest.fixture(scope="session")
def multiple_choice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A choice's logit is the sum of its tokens' numbers: padding that is not masked would change it."""
    nodes = [
        helper.make_node("Gather", ["logits_table", "input_ids"], ["numbers"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["numbers", "mask"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "last"], ["logits"], keepdims=0),
    ]
    return _bundle(tmp_path_factory.mktemp("bundles") / "mc", "multiple-choice", nodes)


def _bundle(output: Path, name: str, nodes: Sequence[onnx.NodeProto]) -> Path:
    task = find_task(name)
    model = _model(nodes, task.inputs(), task.graph_outputs(False))
    artefact = Artefact("cpu", "fp32", "model.onnx", (), task.inputs(), task.graph_outputs(False), "any", OPSET, False)
    manifest = Manifest(
        version=VERSION,
        task=name,
        settings=HeadSettings(),
        sizes={},
        tokenizer=TokenizerRecord(file="tokenizer.json", max_length=MAX_LENGTH, pad_id=0, mask_id=4),
        artefacts=(artefact,),
        files={},
        provenance={},
        verification={},
    )
    files: dict[str, Any] = {
        "model.onnx": model.SerializeToString(),
        "tokenizer.json": GOLDEN / "tokenizer.json",
        "config.json": b"{}",
    }
    return bundle_writer.write(output, manifest, files).directory


def _model(
    nodes: Sequence[onnx.NodeProto], inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> onnx.ModelProto:
    """The graph of `nodes`, with a seeded table of one number for each token id behind every output."""
    random = np.random.default_rng(7)
    tables = [
        numpy_helper.from_array(random.normal(size=IDS).astype(np.float32), f"{spec.name}_table") for spec in outputs
    ]
    last = numpy_helper.from_array(np.array([-1], dtype=np.int64), "last")
    graph = helper.make_graph(
        nodes,
        "table",
        [helper.make_tensor_value_info(spec.name, TensorProto.INT64, spec.axes) for spec in inputs],
        [helper.make_tensor_value_info(spec.name, TensorProto.FLOAT, spec.axes) for spec in outputs],
        [*tables, last],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
