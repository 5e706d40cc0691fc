"""What a head answers to labelled samples, and how good that is."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bert_calibration.quality import Quality, measure_of, qualities
from bert_calibration.samples import Samples, read_samples
from bert_runtime.session import Session
from training.corpora import Line


def write_lines(lines: Iterable[Line], path: Path) -> Path:
    """A samples file in JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return path


def look(session: Session[Any, Any], lines: Sequence[Line]) -> dict[str, Quality]:
    """Every metric of the session's head on labelled lines, by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_lines(lines, Path(folder) / "held-out.jsonl")
        samples = read_samples(path, session.task, session.record.settings, session.text)
    return {quality.metric: quality for quality in measured(session, samples)}


def measured(session: Session[Any, Any], samples: Samples) -> tuple[Quality, ...]:
    """Every metric of the session's head on labelled samples, its own first."""
    measure = measure_of(session.task, session.record.settings)
    return qualities(measure, list(session.predict(samples.requests)), samples.golds)
