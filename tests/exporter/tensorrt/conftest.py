"""Checkpoints traced once, for artefacts of several precisions; and requests that their letters can spell."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import onnx_ir as ir
import pytest
from tests.exporter.conftest import READS_ENCODER, Config, TinyCheckpoint

from bert_calibration.config import QuantizationConfig
from bert_export import checkpoint as checkpoints
from bert_export.artefacts import make
from bert_export.checkpoint import Checkpoint, CheckpointLocation, LoadOptions
from bert_export.context import ExportContext, Made
from bert_export.cross_kv_graph import write_cross_kv_graph
from bert_export.options import Variant
from bert_export.passes.fold import fold
from bert_export.progress import Stages
from bert_export.rewrite import rewrite
from bert_export.tensorrt.profile import Bounds
from bert_export.trace import trace
from bert_export.verify.reference import RememberingReference
from bert_runtime.tasks import find_task

READER = "text-generation that reads an encoder"
"""The head besides the tasks."""

MakeArtefact = Callable[..., Made]
"""(head, precision, folder, profile=...) -> the artefact for TensorRT."""


def request(task: str, number: int) -> Mapping[str, object]:
    """A request of the task, of one of eleven lengths."""
    text = ("the movie was a good movie", "a book is bad, 3 of the songs", "board the wall song 1 2")[number % 3]
    text += " x" * (number % 11)
    masked = text + " [MASK]" * (1 + number % 2)
    by_task: dict[str, Mapping[str, object]] = {
        "question-answering": {"question": "the movie?", "context": text},
        "fill-mask": {"text": masked},
        "pretraining": {"text": masked, "next_text": "the song"},
        "multiple-choice": {"prompt": "the movie", "choices": [text, "song", "wall"][: 2 + number % 2]},
        "next-sentence-prediction": {"text": text, "next_text": "the song"},
    }
    return by_task.get(task, {"text": text})


def write_requests(path: Path, task: str, number: int = 40) -> Path:
    path.write_text("".join(json.dumps(request(task, i)) + "\n" for i in range(number)), "utf-8")
    return path


@pytest.fixture(scope="session")
def make_artefact(tiny_checkpoint: TinyCheckpoint) -> MakeArtefact:
    """Artefacts of checkpoints that are loaded and traced once."""

    @functools.cache
    def traced(head: str) -> tuple[Checkpoint, ir.Model]:
        changes: Config = READS_ENCODER if head == READER else {}
        task = find_task("text-generation" if head == READER else head)
        found = checkpoints.load(CheckpointLocation(str(tiny_checkpoint(task.name, changes))), task, LoadOptions())
        graph = trace(rewrite(found.model, task, False, found.settings))
        fold(graph)
        return found, graph

    def get(head: str, precision: str, folder: Path, profile: Mapping[str, Bounds] | None = None) -> Made:
        checkpoint, graph = traced(head)
        how = QuantizationConfig()
        if precision == "int8":  # how well a network of random weights answers is not asked here
            how = QuantizationConfig(calibrate=write_requests(folder / "requests.jsonl", head), max_drop=1.0)
        source = write_cross_kv_graph(checkpoint, folder, Stages())
        reference = RememberingReference.of(checkpoint, plain=False)
        context = ExportContext(folder, Stages(), False, how, source, profile or {}, reference)
        return make(checkpoint, graph.clone(), Variant("tensorrt", precision), context)[0]

    return get
