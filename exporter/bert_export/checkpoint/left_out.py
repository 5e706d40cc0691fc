"""Files beside a checkpoint that decide answers where their own library reads them, and that no bundle holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bert_export.checkpoint.findings import Findings

# File -> what is lost without it, and what to do.
LEFT_OUT = {
    "model_head.pkl": (
        "the classifier of SetFit, a pickle, which is never read; the export holds the encoder alone, without labels: "
        "apply the classifier to its vectors, or train SetFit with a head of torch and save a "
        "BertForSequenceClassification"
    ),
    "model_head.skops": "a scikit-learn classifier, which is not read; the export holds the encoder alone",
}


def check_left_out(folder: Path, needs_head: bool, findings: Findings) -> None:
    """Name each such file: in a note, or in a problem for a task that would need what it holds."""
    said = left_out(name for name in LEFT_OUT if (folder / name).exists())
    (findings.problems if needs_head else findings.notes).extend(said)


def left_out(names: Iterable[str]) -> list[str]:
    """A sentence for each of these files that no bundle holds."""
    return [f"{name} is left out: {LEFT_OUT[name]}" for name in names if name in LEFT_OUT]
