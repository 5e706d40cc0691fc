"""Texts in and answers out, for Triton's Python backend: the bundle, and the runtime around it."""

from __future__ import annotations

from pathlib import Path

from bert_runtime.manifest import Manifest
from bert_runtime.options import Options
from bert_runtime.targets import AUTO, BY_NAME
from bert_runtime.tasks import find_task
from bert_serve.triton.config import ModelConfig, TensorConfig

SOURCE = Path(__file__).with_name("model.py")
"""What the Python backend runs."""

MAX_BATCH = 128
"""How many requests are answered at once: the runtime makes batches of them by their tokens."""


def text_model(name: str, manifest: Manifest, load: Options) -> ModelConfig:
    """`request` holds the task's own JSON; `text` one text, where one makes a request. `answer` is the task's JSON."""
    has_text = len(find_task(manifest.task).request.required()) == 1
    names = ("text", "request") if has_text else ("request",)
    inputs = tuple(TensorConfig(each, "text", (1,), optional=has_text) for each in names)
    threads = {} if load.threads is None else {"threads": str(load.threads)}
    return ModelConfig(
        name,
        "python",
        MAX_BATCH,
        inputs,
        (TensorConfig("answer", "text", (1,)),),
        _is_on_gpu(manifest, load.target),
        parameters={"target": load.target, **threads},
    )


def _is_on_gpu(manifest: Manifest, target: str) -> bool:
    """Whether it can run on a GPU alone: `auto` takes a CPU where the bundle has an artefact for it."""
    targets = [artefact.target for artefact in manifest.artefacts] if target == AUTO else [target]
    return all(BY_NAME[each].is_on_gpu for each in targets)
