"""This project: the bundle that `bert-export` writes, through the runtime's engine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.peer import Run, Stall, masked
from benchmarks.workload import Feeds


def exporter_version() -> str:
    """A digest of the sources that make bundles."""
    digest, root = hashlib.sha256(), Path(__file__).parents[2]
    for path in sorted(path for folder in ("exporter", "calibration") for path in (root / folder).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class BertExport:
    """The bundle; `plain` keeps the signature of the class in transformers, without rewrites for the head.

    Attributes:
        target: TARGET or TARGET:PRECISION, as `bert-export --target` takes it.
        plan: of int8; None for other precisions.
    """

    name: str = "bert-export"
    plain: bool = False
    target: str = "cpu"
    preset: str | None = None

    @property
    def version(self) -> str:
        """Of what makes the graph."""
        return exporter_version()

    def build(self, stall: Stall) -> None:
        """See Peer."""
        from bert_export.exporting import export  # noqa: PLC0415
        from bert_export.options import ExportOptions  # noqa: PLC0415

        options = ExportOptions(
            model=str(stall.checkpoint),
            task=stall.model.task,
            output=stall.folder / "bundle",
            plain=self.plain,
            targets=(self.target,),
        )
        if self.preset is not None:
            # Random weights answer at random: that integers change such an answer says nothing, and no budget is held.
            data = _calibration(stall)
            options = dataclasses.replace(options, calibrate=data, preset=self.preset, max_drop=1.0)
        export(options)

    def load(self, stall: Stall, threads: int) -> Run:
        """See Peer."""
        import bert_runtime  # noqa: PLC0415

        options = bert_runtime.Options(threads=threads, target=self.target.partition(":")[0])
        session = bert_runtime.load(stall.folder / "bundle", options=options)
        inputs = [spec.name for spec in session.artefact.inputs]
        outputs = [spec.name for spec in session.artefact.outputs]
        everywhere = stall.model.task == "fill-mask" and "positions" not in inputs

        def run(feeds: Feeds) -> list[NDArray[np.float32]]:
            answer = session.engine.run({name: feeds[name] for name in inputs}, outputs)
            values = [answer[name] for name in outputs]
            return [masked(values[0], feeds)] if everywhere else values

        return run


def _calibration(stall: Stall, count: int = 64) -> Path:
    """Requests of random words, as the race feeds random ids: ranges of real texts would not hold for them."""
    vocabulary = (stall.checkpoint / "vocab.txt").read_text(encoding="utf-8").split()
    words, seeded = [word for word in vocabulary if word.isascii() and word.isalpha()], random.Random(0)
    texts = [" ".join(seeded.choices(words, k=seeded.randint(12, 120))) for _ in range(count)]
    records: Mapping[str, Callable[[str], dict[str, str]]] = {
        "question-answering": lambda text: {"question": "Where did they spend the winter?", "context": text},
        "text-classification": lambda text: {"text": text},
        "fill-mask": lambda text: {"text": f"{text} [MASK] ."},
    }
    path = stall.folder / "calibration.jsonl"
    lines = [json.dumps(records[stall.model.task](text)) for text in texts]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
