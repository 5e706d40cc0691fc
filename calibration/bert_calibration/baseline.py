"""What is quantised: a verified fp32 artefact, with all that is needed to ask it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx_ir as ir

from bert_calibration.batches import encode
from bert_calibration.errors import QuantizationError
from bert_calibration.owned_folder import scratch_folder
from bert_runtime.backends.engine import Engine, LoadedArtefact
from bert_runtime.backends.select import start
from bert_runtime.bundle import Bundle
from bert_runtime.cpus import available_cpus
from bert_runtime.errors import InputError
from bert_runtime.manifest import Artefact, ModelRecord
from bert_runtime.schedule import Schedule
from bert_runtime.session import Session
from bert_runtime.tasks import find_task
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.task import Features, Task
from bert_runtime.text import TextEncoder


@dataclass(frozen=True)
class MixedPrecision:
    """What the floating point numbers around the integers become, where they do not stay fp32.

    Attributes:
        narrow: converts a quantised graph in place, before it is written.
        stand_in: the graph that answers for a written one on this machine, whose engine would compute otherwise.
    """

    narrow: Callable[[ir.Model], object]
    stand_in: Callable[[ir.Model], ir.Model]


@dataclass(frozen=True)
class BaselineArtefact:
    """One fp32 artefact.

    Attributes:
        directory: where its file lies.
        artefact: its record.
        record: its model's: the task, its settings and sizes.
        text: its bundle's tokenizer.
        mixed_precision: what is around the integers of its variants; None for fp32.
    """

    directory: Path
    artefact: Artefact
    record: ModelRecord
    text: TextEncoder
    mixed_precision: MixedPrecision | None = None

    @classmethod
    def of(cls, bundle: Bundle, target: str) -> BaselineArtefact:
        """The fp32 artefact for `target` of a bundle that was read.

        Raises:
            QuantizationError: the bundle holds none.
        """
        artefacts = [held.artefact for held in bundle.manifest.by_target.values()]
        held = {artefact.target: artefact for artefact in artefacts if artefact.precision == "fp32"}
        if target not in held:
            raise QuantizationError(
                f"{bundle.directory} has fp32 artefacts for {', '.join(held) or 'no target'}, expected {target};"
                f" export it again with --target {target}"
            )
        record = bundle.manifest.tokenizer
        text = TextEncoder.from_file(bundle.directory / record.file, record)
        return cls(bundle.directory, held[target], bundle.manifest, text)

    @property
    def path(self) -> Path:
        """The graph's file."""
        return self.directory / self.artefact.file

    @property
    def task(self) -> Task[Any, Any, Any]:
        """The task of the bundle."""
        return find_task(self.record.task)

    def requests(self, records: Sequence[Request | Mapping[str, object]]) -> list[Request]:
        """The task's own requests.

        Raises:
            InputError: of the first record that is none, with its index.
        """
        kind = self.task.request
        made = []
        for index, record in enumerate(records):
            try:
                made.append(kind.from_record(record) if isinstance(record, Mapping) else record)
            except InputError as error:
                raise error.at(index) from error
        return made

    def rows(self, requests: Sequence[Request]) -> list[Features]:
        """Every row of these requests; see `batches.encode`."""
        return encode(self.task.head(self.text, self.record.settings), requests)

    @contextmanager
    def engine(self, file: Path | None = None) -> Iterator[Engine]:
        """The engine of this artefact, or of an int8 variant of it in another file."""
        artefact, place = (self.artefact, self.directory) if file is None else (self.quantised(file), file.parent)
        with ExitStack() as closing:
            if file is not None and self.mixed_precision is not None:
                place = closing.enter_context(scratch_folder())
                ir.save(self.mixed_precision.stand_in(ir.load(file)), place / file.name)
            engine = start(place, artefact, available_cpus())
            closing.callback(engine.close)
            yield engine

    def answers(self, engine: Engine, requests: Sequence[Request]) -> list[Any]:
        """The decoded results, one for each request, in order."""
        loaded = LoadedArtefact.of(self.artefact, engine)
        session: Session[Any, Any] = Session(self.record, self.task, self.text, loaded, Schedule())
        return list(session.predict(requests))

    def graph(self) -> ir.Model:
        """The fp32 graph with its weights in memory, so that it can be written to another folder."""
        return ir.external_data.load_to_model(ir.load(self.path))

    def quantised(self, file: Path) -> Artefact:
        """The record of the int8 variant in `file`."""
        return replace(self.artefact, precision="int8", file=file.name, data=(), sequence_packing=None)
