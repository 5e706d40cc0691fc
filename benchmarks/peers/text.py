"""Peers from strings to answers: the runtime's sessions, and transformers' pipelines over torch and over Optimum."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmarks.environments import OPTIMUM, Environment
from benchmarks.peers.optimum_onnxruntime import OptimumOnnxRuntime, without_hub
from benchmarks.peers.peer import Stall
from benchmarks.workload import Model

BATCH = 8
"""Of pipelines, in bulk."""
Record = Mapping[str, str]
Answers = Callable[[Sequence[Record]], list[str]]
"""Requests to what stands for their answers: a label, a span's text, or entities, the same words from every peer."""


@dataclass(frozen=True)
class Place:
    """Where a peer finds what it runs.

    Attributes:
        task: the head's.
        checkpoint: of transformers.
        bundles: variant of `accuracy_heads.VARIANTS` -> the bundle.
        folder: for an artefact of the peer's own.
    """

    task: str
    checkpoint: Path
    bundles: Mapping[str, Path]
    folder: Path

    @property
    def stall(self) -> Stall:
        """For a peer that builds its artefact as it does for the race of shapes; every head here is a MiniLM."""
        return Stall(Model(self.task, "minilm-l6"), self.checkpoint, self.folder)


class TextPeer(Protocol):
    """A way from strings to answers; its process may run in an environment of its own."""

    @property
    def name(self) -> str: ...

    @property
    def environment(self) -> Environment | None: ...

    @property
    def variant(self) -> str | None:
        """The bundle that it needs."""

    def build(self, place: Place) -> None:
        """Make an artefact in the place's folder, where the peer has one."""

    def load(self, place: Place, threads: int, in_bulk: bool) -> Answers:
        """Ready to answer requests one by one, or many at once."""


OURS: Mapping[str, Callable[[Any], str]] = {
    "text-classification": lambda result: str(result.labels[0].label),
    "question-answering": lambda result: result.answers[0].text if result.answers else "",
    "token-classification": lambda result: " ".join(f"{e.start}-{e.end}-{e.label}" for e in result.entities),
}
THEIRS: Mapping[str, Callable[[Any], str]] = {
    "text-classification": lambda answer: str(answer["label"]),
    "question-answering": lambda answer: str(answer["answer"]),
    "token-classification": lambda answer: " ".join(f"{e['start']}-{e['end']}-{e['entity_group']}" for e in answer),
}
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "text-classification": {"truncation": True},
    "question-answering": {},
    "token-classification": {"aggregation_strategy": "first"},
}
"""Task -> arguments of its pipeline. Long texts are cut, as ours are; a word's first piece decides its label."""


@dataclass(frozen=True)
class BertExportText:
    """`bert_runtime`: `session(request)` one by one, `session.predict` in throughput mode in bulk."""

    name: str
    variant: str | None
    target: str = "cpu"
    environment: Environment | None = field(default=None, init=False)

    def build(self, place: Place) -> None:
        """See TextPeer."""

    def load(self, place: Place, threads: int, in_bulk: bool) -> Answers:
        """See TextPeer."""
        import bert_runtime  # noqa: PLC0415 - in the peer's own process

        assert self.variant is not None
        mode = "throughput" if in_bulk else "latency"
        options = bert_runtime.Options(target=self.target, threads=threads, mode=mode)
        session = bert_runtime.load(place.bundles[self.variant], options=options)
        spell = OURS[place.task]
        more = {"aggregation": "first"} if place.task == "token-classification" else {}
        if in_bulk:
            return lambda asked: [spell(result) for result in session.predict({**each, **more} for each in asked)]
        return lambda asked: [spell(session({**each, **more})) for each in asked]


@dataclass(frozen=True)
class Pipeline:
    """`transformers.pipeline`, in batches of BATCH in bulk; over torch in fp32, or over Optimum's model of `step`."""

    name: str
    step: str | None = None
    environment: Environment | None = None
    variant: str | None = field(default=None, init=False)

    def build(self, place: Place) -> None:
        """See TextPeer."""
        if self.step is not None:
            OptimumOnnxRuntime(self.name, self.step).build(place.stall)

    def load(self, place: Place, threads: int, in_bulk: bool) -> Answers:
        """See TextPeer."""
        without_hub()
        importlib.import_module("torch").set_num_threads(threads)
        transformers: Any = importlib.import_module("transformers")
        tokenizer = transformers.AutoTokenizer.from_pretrained(place.checkpoint)
        model: Any = str(place.checkpoint)
        if self.step is not None:
            model = OptimumOnnxRuntime(self.name, self.step).model(place.stall, threads)
        settings = SETTINGS[place.task]
        pipeline = transformers.pipeline(place.task, model=model, tokenizer=tokenizer, **settings)
        spell = THEIRS[place.task]

        def ask(records: Sequence[Record], batch: int) -> list[str]:
            columns = {key: [record[key] for record in records] for key in records[0]}
            many = (columns["text"],) if "text" in columns else ()
            named = {} if many else columns
            found = pipeline(*many, **named, batch_size=batch)
            return [spell(answer) for answer in (found if isinstance(found, list) else [found])]

        if in_bulk:
            return lambda asked: ask(asked, BATCH)
        return lambda asked: [ask([record], 1)[0] for record in asked]


TEXT_PEERS: Mapping[str, TextPeer] = {
    "bert-export": BertExportText("bert-export", "bert-export fp32"),
    "bert-export-int8-performance": BertExportText("bert-export, int8 performance", "bert-export int8, performance"),
    "bert-export-int8-accuracy": BertExportText("bert-export, int8 accuracy", "bert-export int8, accuracy"),
    "bert-export-openvino-bf16": BertExportText("bert-export, openvino bf16", "bert-export bf16, OpenVINO", "openvino"),
    "bert-export-openvino-int8": BertExportText(
        "bert-export, openvino int8 accuracy", "bert-export int8, OpenVINO", "openvino"
    ),
    "bert-export-openvino-int8-performance": BertExportText(
        "bert-export, openvino int8 performance", "bert-export int8, performance, OpenVINO", "openvino"
    ),
    "optimum-pipeline": Pipeline("Optimum pipeline, ORTModel O2", "O2", OPTIMUM),
    "optimum-pipeline-quantised": Pipeline("Optimum pipeline, ORTModel quantised", "quantised", OPTIMUM),
    "transformers-pipeline": Pipeline("transformers pipeline, torch fp32"),
    "transformers-4-pipeline": Pipeline("transformers 4 pipeline, torch fp32", environment=OPTIMUM),
}


def entered(task: str) -> list[str]:
    """Who answers for a task: transformers 5 has no pipeline for questions, so that its last one before stands in."""
    absent = "transformers-pipeline" if task == "question-answering" else "transformers-4-pipeline"
    return [peer for peer in TEXT_PEERS if peer != absent]
