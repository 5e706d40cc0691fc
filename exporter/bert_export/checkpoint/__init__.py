"""From a checkpoint to a proven torch model: where it lies, what it holds, and what its head needs to know."""

from __future__ import annotations

from collections.abc import Sequence

from bert_export.checkpoint.findings import Findings
from bert_export.checkpoint.location import CheckpointLocation, locate_all
from bert_export.checkpoint.settings import LoadOptions
from bert_export.checkpoint.tokenizer import TokenizerFile
from bert_export.checkpoint.values import AnyTask, Checkpoint, Provenance
from bert_runtime.tasks import TASKS

__all__ = ["Checkpoint", "CheckpointLocation", "LoadOptions", "Provenance", "TokenizerFile", "load"]


def load(
    source: CheckpointLocation,
    task: AnyTask | None = None,
    options: LoadOptions | None = None,
    tasks: Sequence[AnyTask] = TASKS,
) -> Checkpoint:
    """Load `source` as `task`; without one, as that of `tasks` which the checkpoint was saved for.

    Nothing in the checkpoint is executed, and a local directory is read without a network.

    Raises:
        CheckpointError: with every problem found: files missing or damaged, no BERT, a tokenizer that is not BERT's,
            weights without a value, options that the checkpoint cannot serve.
    """
    findings = Findings()
    places = locate_all(source, findings)
    from bert_export.checkpoint.read import read  # noqa: PLC0415 - torch: a wrong path is an error without it

    return read(places, task, options or LoadOptions(), tasks, findings)
