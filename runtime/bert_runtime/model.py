"""A loaded graph: rows of token ids through its engine, in batches of similar length."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bert_runtime.backends.engine import LoadedArtefact
from bert_runtime.errors import InputError, ItemError, item_error
from bert_runtime.feeds import Feeds, feed_problems
from bert_runtime.manifest import ModelRecord
from bert_runtime.schedule import Schedule, collate, plan, split, width
from bert_runtime.sequence_packing import Row, fullest, pack, plan_packed, unpack
from bert_runtime.streams import Streams
from bert_runtime.targets import BY_NAME
from bert_runtime.tasks.task import Features, Outputs
from bert_runtime.text import TextEncoder


class Model:
    """What a session runs. Every method may be called from several threads at once; use it in `with`, or close it.

    Attributes:
        record: the task, its settings, sizes and tokenizer, as the bundle states them.
        artefact, engine: what runs, and what runs it. Its `mask` says which attention masks `run` takes.
        right_padded: the artefact that runs in its place for right-padded masks; None where `artefact` runs alone.
        packed: what runs in its place for texts, several of which share a row; None where each has a row of its own.
        active_target: where it really runs, such as cuda; cpu where a file for another engine runs on the CPU.
        reason: why there.
        batch_limits: the size of the batches that it makes.
        concurrency: how many calls at once keep its engine busy; 1 where one call has all threads for itself.
    """

    def __init__(self, record: ModelRecord, text: TextEncoder, loaded: LoadedArtefact, schedule: Schedule) -> None:
        """Put the parts together."""
        self.record = record
        self.artefact = loaded.artefact
        self.right_padded = loaded.right_padded
        self.packed = loaded.packed
        self.engine = loaded.engine
        self.active_target = loaded.active_target
        self.reason = loaded.reason
        self.text = text
        self.batch_limits = schedule.limits
        self.concurrency = max(schedule.concurrency, schedule.streams)
        self._streams = Streams(schedule.streams)

    @property
    def is_on_gpu(self) -> bool:
        """Whether its engine computes on a GPU."""
        return BY_NAME[self.active_target].is_on_gpu

    def run(self, arrays: Feeds) -> dict[str, NDArray[np.float32]]:
        """The raw level: the graph's inputs by name, with the dtypes and axes that the manifest names, to its outputs.

        Raises:
            InputError: every name, dtype or shape that the graph does not take.
            BackendError: the engine failed.
        """
        problems = feed_problems(arrays, self.artefact, self.text.max_length)
        if problems:
            raise InputError(problems)
        return self.engine.run(arrays, [spec.name for spec in self.artefact.outputs])

    def outputs(self, rows: Sequence[Features], fetch: Sequence[str]) -> Iterator[tuple[int, Outputs]]:
        """Rows as the head encodes them, to each one's index and those of its outputs that `fetch` names, by batches.
        In throughput mode the first batches have begun when this returns.

        Raises:
            BackendError: the engine failed.
        """
        return map(_whole, self._tried(rows, fetch))

    def run_batch(self, rows: Sequence[Features], fetch: Sequence[str]) -> list[Outputs]:
        """Rows in one run, each in a row of its own whatever their lengths, to each one's outputs.

        Raises:
            BackendError: the engine failed.
        """
        return [outputs for _, outputs in self._padded(list(range(len(rows))), rows, fetch)]

    def _tried(self, rows: Sequence[Features], fetch: Sequence[str]) -> Iterator[tuple[int, Outputs | ItemError]]:
        """The same, where each row of a batch that failed has the error in place of its outputs."""
        if self.packed is None:
            found = self._streams.start(
                lambda batch: _tried(lambda: self._padded(batch, rows, fetch), batch), plan(rows, self.batch_limits)
            )
        else:
            found = self._streams.start(
                lambda batch: _tried(lambda: self._shared(batch, rows, fetch), itertools.chain.from_iterable(batch)),
                plan_packed(rows, self.batch_limits),
            )
        return itertools.chain.from_iterable(found)

    def close(self) -> None:
        """Free the model; using the session afterwards is a BackendError."""
        self._streams.close()
        self.engine.close()
        if self.packed is not None:
            self.packed.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _padded(
        self, indices: Sequence[int], rows: Sequence[Features], fetch: Sequence[str]
    ) -> Iterator[tuple[int, Outputs]]:
        """A batch in which each text has a row of its own."""
        batch = [rows[i] for i in indices]
        longest = max(row.ids.shape[-1] for row in batch)
        feeds = collate(batch, self.text.pad_id, min(width(longest, self.batch_limits), self.text.max_length))
        outputs = self.engine.run({spec.name: feeds[spec.name] for spec in self.artefact.inputs}, fetch)
        return zip(indices, split(outputs, batch, self.artefact.outputs), strict=True)

    def _shared(
        self, batch: list[Row], rows: Sequence[Features], fetch: Sequence[str]
    ) -> Iterator[tuple[int, Outputs]]:
        """A batch of rows that texts share."""
        assert self.packed is not None
        tokens = width(fullest(batch, rows), self.batch_limits)
        feeds, segments = pack(batch, rows, self.text.pad_id, self.packed.graph.inputs, tokens)
        outputs = self.packed.engine.run(feeds, fetch)
        return unpack(outputs, segments, rows, self.packed.graph.outputs)


def _tried(
    run: Callable[[], Iterable[tuple[int, Outputs]]], rows: Iterable[int]
) -> list[tuple[int, Outputs | ItemError]]:
    """A batch's outputs by row, or the error of the batch for each of its rows."""
    try:
        return [*run()]
    except Exception as error:
        failure = item_error(error)
        return [(i, failure) for i in rows]


def _whole(row: tuple[int, Outputs | ItemError]) -> tuple[int, Outputs]:
    i, own = row
    if isinstance(own, ItemError):
        raise own
    return i, own
