"""This project: the bundle that `bert-export` writes, through the runtime's engine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.peer import Run, Stall, masked
from benchmarks.workload import Feeds


@dataclass(frozen=True)
class BertExport:
    """The bundle; `plain` keeps the signature of the class in transformers, without rewrites for the head.

    Attributes:
        target: TARGET or TARGET:PRECISION, as `bert-export --target` takes it.
    """

    name: str = "bert-export"
    plain: bool = False
    target: str = "cpu"

    @property
    def version(self) -> str:
        """A digest of the exporter's sources: the graph is made by them."""
        digest = hashlib.sha256()
        for path in sorted((Path(__file__).parents[2] / "exporter").rglob("*.py")):
            digest.update(path.read_bytes())
        return digest.hexdigest()[:16]

    def build(self, stall: Stall) -> None:
        """See Peer."""
        from bert_export.export import export  # noqa: PLC0415
        from bert_export.options import ExportOptions  # noqa: PLC0415

        options = ExportOptions(
            model=str(stall.checkpoint),
            task=stall.model.task,
            output=stall.folder / "bundle",
            plain=self.plain,
            targets=(self.target,),
        )
        export(options)

    def load(self, stall: Stall, threads: int) -> Run:
        """See Peer."""
        import bert_runtime  # noqa: PLC0415

        session = bert_runtime.load(stall.folder / "bundle", options=bert_runtime.Options(threads=threads))
        inputs = [spec.name for spec in session.artefact.inputs]
        outputs = [spec.name for spec in session.artefact.outputs]
        everywhere = stall.model.task == "fill-mask" and "positions" not in inputs

        def run(feeds: Feeds) -> list[NDArray[np.float32]]:
            answer = session.engine.run({name: feeds[name] for name in inputs}, outputs)
            values = [answer[name] for name in outputs]
            return [masked(values[0], feeds)] if everywhere else values

        return run
