"""A session whose engine is torch: a model answers as it will from its bundle, with the same encoding and decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel

from bert_export.verify.reference import Reference
from bert_runtime.backends.engine import LoadedArtefact
from bert_runtime.manifest import Artefact, ModelRecord
from bert_runtime.schedule import Schedule
from bert_runtime.session import Session
from bert_runtime.tasks.task import HeadSettings, Task
from bert_runtime.text import TextEncoder


class TorchEngine:
    """The checkpoint's own class from transformers, as it is, in 32-bit floats; see `bert_runtime.backends.engine`."""

    name = "torch"

    def __init__(self, reference: Reference) -> None:
        """Answer with `reference`."""
        self._reference = reference

    def run(self, feeds: Mapping[str, NDArray[Any]], fetch: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """The outputs named in `fetch`."""
        outputs = self._reference.run(feeds)
        return {name: outputs[name] for name in fetch}

    def run_into(self, feeds: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]]) -> NoReturn:
        """Not offered: no head that is measured here reads a cache."""
        raise NotImplementedError("torch writes into no arrays; use run")

    def close(self) -> None:
        """Nothing to free: the model is the caller's."""


def torch_session(
    model: PreTrainedModel, task: Task[Any, Any, Any], head: HeadSettings, text: TextEncoder
) -> Session[Any, Any]:
    """A session that answers with `model`, in evaluation mode, for the head that `task` and `head` describe; `text`
    reads the texts."""
    model.eval()  # type: ignore[no-untyped-call]
    artefact = Artefact("torch", "fp32", "", (), task.inputs(), task.graph_outputs(), "any", 0, False)
    record = ModelRecord(task=task.name, settings=head, sizes={}, tokenizer=text.record)
    running = LoadedArtefact.of(artefact, TorchEngine(Reference(model, task, head, plain=False)))
    return Session(record, task, text, running, Schedule())
