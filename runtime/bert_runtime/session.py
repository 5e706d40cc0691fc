"""From text to an answer: a loaded bundle that encodes, batches, runs and decodes."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from bert_runtime.backends.engine import Running
from bert_runtime.errors import BackendError, InputError
from bert_runtime.feeds import Feeds, feed_problems
from bert_runtime.manifest import Manifest
from bert_runtime.schedule import Schedule, collate, plan, split, width
from bert_runtime.shared_rows import Row, fullest, plan_shared, share, split_shared
from bert_runtime.streams import Streams
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.task import Encoded, Features, Head, Outputs, Task
from bert_runtime.text import TextEncoder

RequestT = TypeVar("RequestT", bound=Request)
EncodedT = TypeVar("EncodedT", bound=Encoded)
ResultT = TypeVar("ResultT")

_Item: TypeAlias = "tuple[RequestT, Encoded] | InputError | _Broken"
"""A request of a stream, encoded, or why there is none."""

LOOKAHEAD = 256
"""How many requests `predict` reads before it answers: what length-aware batches are chosen from."""

BULK = 1024
"""The same in throughput mode, where the next so many are read and encoded while these are answered."""

HELD = 2**19
"""Tokens of encoded requests beyond which `predict` reads no further: long texts must not fill the memory."""


class Session(Generic[RequestT, ResultT]):
    """A loaded bundle. Every method may be called from several threads at once; use it in `with`, or close it.

    Attributes:
        artefact, engine: what runs, and what runs it. Its `mask` says which attention masks `run` takes.
        right_padded: the artefact that runs in its place for right-padded masks; None where `artefact` runs alone.
        sharing: what runs in its place for texts, several of which share a row; None where each has a row of its own.
        active_target: where it really runs, such as cuda; cpu where a file for another engine runs on the CPU.
        reason: why there.
    """

    def __init__(
        self,
        manifest: Manifest,
        task: Task[RequestT, Any, ResultT],
        text: TextEncoder,
        running: Running,
        schedule: Schedule,
    ) -> None:
        """Put the parts together; `bert_runtime.load` is the way to make one."""
        self.manifest = manifest
        self.artefact = running.artefact
        self.right_padded = running.right_padded
        self.sharing = running.sharing
        self.engine = running.engine
        self.active_target = running.active_target
        self.reason = running.reason
        self.task = task
        self.text = text
        self._head: Head[RequestT, Encoded, ResultT] = task.head(text, manifest.settings)
        self._fetch = self._head.fetch(tuple(spec.name for spec in self.artefact.outputs))
        self._budget = schedule.budget
        self._streams = Streams(schedule.streams)

    def __call__(self, request: RequestT | Mapping[str, object]) -> ResultT:
        """Answer one request: the task's request, or a mapping with its fields.

        Raises:
            InputError: the request cannot be answered, with every problem.
            BackendError: the engine failed.
        """
        checked = self._checked(request)
        return self._answer(checked, self._encoded(checked))

    @overload
    def predict(
        self, requests: Iterable[RequestT | Mapping[str, object]], errors: Literal["raise"] = "raise"
    ) -> Iterator[ResultT]: ...

    @overload
    def predict(
        self, requests: Iterable[RequestT | Mapping[str, object]], errors: Literal["return"]
    ) -> Iterator[ResultT | InputError]: ...

    def predict(
        self, requests: Iterable[RequestT | Mapping[str, object]], errors: Literal["raise", "return"] = "raise"
    ) -> Iterator[ResultT | InputError]:
        """Answer a stream in its own order, in batches of similar length; holds LOOKAHEAD requests at a time, and twice
        BULK in throughput mode.

        A request that cannot be answered takes no other with it: with `errors="raise"` every answer before it comes
        first, then its InputError, which names its index; with `errors="return"` the InputError stands in its place.
        """
        if errors not in ("raise", "return"):
            raise InputError(f"errors is {errors!r}, expected 'raise' or 'return'")
        return self._stream(iter(requests), errors == "raise")

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
        if self.sharing is None:
            found = self._streams.start(lambda batch: self._padded(batch, rows, fetch), plan(rows, self._budget))
        else:
            found = self._streams.start(lambda batch: self._shared(batch, rows, fetch), plan_shared(rows, self._budget))
        return itertools.chain.from_iterable(found)

    def close(self) -> None:
        """Free the model; using the session afterwards is a BackendError."""
        self._streams.close()
        self.engine.close()
        if self.sharing is not None:
            self.sharing.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _padded(
        self, indices: list[int], rows: Sequence[Features], fetch: Sequence[str]
    ) -> Iterator[tuple[int, Outputs]]:
        """A batch in which each text has a row of its own."""
        batch = [rows[i] for i in indices]
        longest = max(row.ids.shape[-1] for row in batch)
        feeds = collate(batch, self.text.pad_id, min(width(longest, self._budget), self.text.max_length))
        outputs = self.engine.run({spec.name: feeds[spec.name] for spec in self.artefact.inputs}, fetch)
        return zip(indices, split(outputs, batch, self.artefact.outputs), strict=True)

    def _shared(
        self, batch: list[Row], rows: Sequence[Features], fetch: Sequence[str]
    ) -> Iterator[tuple[int, Outputs]]:
        """A batch of rows that texts share."""
        assert self.sharing is not None
        tokens = width(fullest(batch, rows), self._budget)
        feeds, places = share(batch, rows, self.text.pad_id, self.sharing.graph.inputs, tokens)
        outputs = self.sharing.engine.run(feeds, fetch)
        return split_shared(outputs, places, rows, self.sharing.graph.outputs)

    def _stream(
        self, requests: Iterator[RequestT | Mapping[str, object]], strict: bool
    ) -> Iterator[ResultT | InputError]:
        begun: deque[Iterator[ResultT | InputError]] = deque()
        ahead = min(self._streams.count, 1)  # in throughput mode the next chunk is encoded while this one runs
        for chunk in self._chunks(requests):
            begun.append(self._answers(chunk))
            if len(begun) > ahead:
                yield from _strictly(begun.popleft(), strict)
        while begun:
            yield from _strictly(begun.popleft(), strict)

    def _chunks(self, requests: Iterator[RequestT | Mapping[str, object]]) -> Iterator[list[_Item[RequestT]]]:
        """The stream, encoded, in parts that are answered together. The end of a source that broke is its error."""
        index, most = 0, BULK if self._streams.count else LOOKAHEAD
        while True:
            chunk: list[_Item[RequestT]] = []
            held = 0
            while len(chunk) < most and held < HELD:
                try:
                    request = next(requests)
                except StopIteration:
                    if chunk:
                        yield chunk
                    return
                except Exception as error:  # the caller's own generator may raise anything; raised again in its turn
                    yield [*chunk, _Broken(error)]
                    return
                item = self._prepared(request, index)
                held += 0 if isinstance(item, InputError) else sum(row.ids.size for row in item[1].features)
                chunk.append(item)
                index += 1
            yield chunk

    def _answers(self, chunk: Sequence[_Item[RequestT]]) -> Iterator[ResultT | InputError]:
        """One chunk's answers in order: its rows run in common batches, which may have begun when this returns."""
        return self._in_order(chunk, self._decoded([item for item in chunk if isinstance(item, tuple)]))

    def _in_order(
        self,
        chunk: Sequence[_Item[RequestT]],
        decoded: Iterable[ResultT | BackendError],
    ) -> Iterator[ResultT | InputError]:
        answers = iter(decoded)
        for item in chunk:
            if isinstance(item, _Broken):
                raise item.error
            answer = item if isinstance(item, InputError) else next(answers)
            if isinstance(answer, BackendError):
                raise answer
            yield answer

    def _answer(self, request: RequestT, encoded: Encoded) -> ResultT:
        """One request's answer; raises BackendError."""
        rows = encoded.features
        found = dict(self.outputs(rows, self._fetch))
        return self._head.decode(request, encoded, [found[i] for i in range(len(rows))])

    def _decoded(self, items: Sequence[tuple[RequestT, Encoded]]) -> Iterable[ResultT | BackendError]:
        """Each request's answer."""
        rows = [row for _, encoded in items for row in encoded.features]
        return self._collected(items, self.outputs(rows, self._fetch))

    def _collected(
        self, items: Sequence[tuple[RequestT, Encoded]], outputs: Iterator[tuple[int, Outputs]]
    ) -> Iterator[ResultT | BackendError]:
        """Each request decoded as soon as its rows are done: outputs may be large (vocabulary x sequence)."""
        owners = [n for n, (_, encoded) in enumerate(items) for _ in encoded.features]
        done: list[dict[int, Outputs]] = [{} for _ in items]
        answers: dict[int, ResultT | BackendError] = {}
        for i, own in outputs:
            n = owners[i]
            done[n][i] = own
            request, encoded = items[n]
            if len(done[n]) == len(encoded.features):
                try:
                    answers[n] = self._head.decode(request, encoded, [done[n][row] for row in sorted(done[n])])
                except BackendError as error:  # raised in its turn: the answers before it come first
                    answers[n] = error
                done[n].clear()
        yield from (answers[n] for n in range(len(items)))

    def _prepared(self, request: RequestT | Mapping[str, object], index: int) -> tuple[RequestT, Encoded] | InputError:
        try:
            checked = self._checked(request)
            return checked, self._encoded(checked)
        except InputError as error:
            return error.at(index)

    def _encoded(self, request: RequestT) -> Encoded:
        """The request's rows; raises InputError."""
        return self._head.encode(request)

    def _checked(self, request: RequestT | Mapping[str, object]) -> RequestT:
        if isinstance(request, self.task.request):
            return request
        if isinstance(request, Mapping):
            return self.task.request.from_record(request)
        expected = self.task.request.__name__
        raise InputError(
            f"the request is a {type(request).__name__}, expected a {expected} or a mapping with its fields"
        )


@dataclass(frozen=True)
class _Broken:
    """The end of a stream whose source raised: what it gave before is answered first."""

    error: Exception


def _strictly(answers: Iterator[ResultT | InputError], strict: bool) -> Iterator[ResultT | InputError]:
    """The answers; where they are `strict`, an InputError among them is raised in its turn."""
    for answer in answers:
        if strict and isinstance(answer, InputError):
            raise answer
        yield answer
