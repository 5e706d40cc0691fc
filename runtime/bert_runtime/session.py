"""From text to an answer: a loaded bundle that encodes, batches, runs and decodes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeAlias, TypeVar, overload

import numpy as np

from bert_runtime.backends.engine import LoadedArtefact
from bert_runtime.chunks import Chunk, ChunkLimits, read_chunks
from bert_runtime.errors import BackendError, InputError, InternalError, ItemError, item_error
from bert_runtime.manifest import ModelRecord
from bert_runtime.model import Model
from bert_runtime.pauses import Pause
from bert_runtime.schedule import Schedule
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.task import Encoded, Features, Head, Outputs, Task
from bert_runtime.text import TextEncoder

RequestT = TypeVar("RequestT", bound=Request)
EncodedT = TypeVar("EncodedT", bound=Encoded)
ResultT = TypeVar("ResultT")

Requests: TypeAlias = "Iterable[RequestT | Mapping[str, object] | str | Pause]"

_Item: TypeAlias = "tuple[RequestT, Encoded] | ItemError"
"""A request of a stream, encoded, or why there is none."""

LOOKAHEAD = 256
"""How many requests `predict` reads before it answers: what length-aware batches are chosen from."""

BULK_LOOKAHEAD = 1024
"""The same in throughput mode, where the next so many are read and encoded while these are answered."""

MAX_BUFFERED_TOKENS = 2**19
"""Tokens of encoded requests beyond which `predict` reads no further: long texts must not fill the memory."""


@dataclass(frozen=True)
class Prepared(Generic[RequestT]):
    """A request that was checked, and its rows."""

    request: RequestT
    encoded: Encoded


class Session(Model, Generic[RequestT, ResultT]):
    """A loaded bundle: a Model, and the head that turns texts into its rows and back."""

    def __init__(
        self,
        record: ModelRecord,
        task: Task[RequestT, Any, ResultT],
        text: TextEncoder,
        loaded: LoadedArtefact,
        schedule: Schedule,
    ) -> None:
        """Put the parts together; `bert_runtime.load` is the way to make one."""
        super().__init__(record, text, loaded, schedule)
        self.task = task
        self._head: Head[RequestT, Encoded, ResultT] = task.head(text, record.settings)
        self.tokens = 0
        """How many tokens of requests `predict` has encoded."""
        self._fetch = self._head.fetch(tuple(spec.name for spec in self.artefact.outputs))

    @property
    def result_type(self) -> type[ResultT]:
        """The class of its answers."""
        return self._head.result_type

    @property
    def row_columns(self) -> tuple[str, ...]:
        """The attributes of an answer that are the columns of a table where none are chosen."""
        return self._head.row_columns

    def __call__(self, request: RequestT | Mapping[str, object] | str) -> ResultT:
        """Answer one request: the task's request, a mapping with its fields, or a text where it needs just one.

        Raises:
            InputError: the request cannot be answered, with every problem.
            BackendError: the engine failed.
        """
        checked = self.task.request.of(request)
        return self._answer(checked, self._encoded(checked))

    @overload
    def predict(self, requests: Requests[RequestT], errors: Literal["raise"] = "raise") -> Iterator[ResultT]: ...

    @overload
    def predict(self, requests: Requests[RequestT], errors: Literal["return"]) -> Iterator[ResultT | ItemError]: ...

    def predict(
        self, requests: Requests[RequestT], errors: Literal["raise", "return"] = "raise"
    ) -> Iterator[ResultT | ItemError]:
        """Answer a stream in its own order, in batches of similar length; holds LOOKAHEAD requests at a time, and twice
        BULK_LOOKAHEAD in throughput mode.

        A request that has no answer takes no other with it. Its error names its index: with `errors="return"` it stands
        in the answer's place; with `errors="raise"` every answer before it comes first, then it is raised. It is an
        InputError: the request cannot be answered; a BackendError: the engine fails on it, or gives it numbers that are
        not finite; or an InternalError. When a batch fails, each of its requests is tried again alone, and only those
        that fail alone have an error.

        The first request is answered before the next is read, in throughput mode as many as run at once; and when a
        source takes longer than `BatchLimits.max_wait`, what it gave is answered. It is read in the caller's thread:
        for one that waits for an answer before it gives the next request, see `bert_runtime.live`.

        Raises:
            BackendError: without an index: the engine runs nothing any more. Every answer that was found comes first.
        """
        if errors not in ("raise", "return"):
            raise InputError(f"errors is {errors!r}, expected 'raise' or 'return'")
        is_iterable = hasattr(requests, "__iter__") or hasattr(requests, "__getitem__")
        if isinstance(requests, str | bytes | Mapping) or not is_iterable:
            raise InputError(
                f"requests is a {type(requests).__name__}, expected an iterable of requests; for one request call the "
                "session itself"
            )
        return self._stream(requests, errors == "raise")

    def prepare(self, request: RequestT | Mapping[str, object] | str) -> Prepared[RequestT]:
        """A request, checked, and its rows: the first of three steps that a service takes, the others being `run_rows`
        and `decode`.

        Raises:
            InputError: the request cannot be answered, with every problem.
        """
        checked = self.task.request.of(request)
        return Prepared(checked, self._encoded(checked))

    def run_rows(self, rows: Sequence[Features]) -> list[Outputs]:
        """Rows of any requests in one run: what `decode` reads of each.

        Raises:
            BackendError: the engine failed.
        """
        return self.run_batch(rows, self._fetch)

    def decode(self, prepared: Prepared[RequestT], outputs: Sequence[Outputs]) -> ResultT:
        """The answer of a request from its rows' outputs, in their order.

        Raises:
            BackendError: the outputs are not finite.
        """
        return self._head.decode(prepared.request, prepared.encoded, outputs)

    def answer(self, prepared: Prepared[RequestT]) -> ResultT:
        """A prepared request's answer, alone: all steps at once.

        Raises:
            BackendError: the engine failed.
        """
        return self._answer(prepared.request, prepared.encoded)

    def _stream(self, requests: Requests[RequestT], strict: bool) -> Iterator[ResultT | ItemError]:
        streams = self._streams.count
        limits = ChunkLimits(
            max(1, streams), BULK_LOOKAHEAD if streams else LOOKAHEAD, MAX_BUFFERED_TOKENS, self.batch_limits.max_wait
        )
        begun: deque[Iterator[ResultT | ItemError]] = deque()
        for chunk in read_chunks(requests, self._prepared, _tokens, limits):
            begun.append(self._answers(chunk))
            # In throughput mode the next chunk is encoded while this one runs.
            ahead = 0 if chunk.is_due else min(streams, 1)
            while len(begun) > ahead:
                yield from _strictly(begun.popleft(), strict)

    def _answers(self, chunk: Chunk[_Item[RequestT]]) -> Iterator[ResultT | ItemError]:
        """One chunk's answers in order: its rows run in common batches, which may have begun when this returns."""
        return self._in_order(chunk, self._decoded([item for item in chunk.items if isinstance(item, tuple)]))

    def _in_order(
        self, chunk: Chunk[_Item[RequestT]], decoded: Iterable[ResultT | ItemError]
    ) -> Iterator[ResultT | ItemError]:
        answers = iter(decoded)
        for index, item in enumerate(chunk.items, chunk.first):
            answer = item if isinstance(item, ItemError) else next(answers)
            if isinstance(item, tuple) and isinstance(answer, ItemError):
                answer = self._again(*item)
            yield answer.at(index) if isinstance(answer, ItemError) else answer
        if chunk.failure is not None:
            raise chunk.failure

    def _again(self, request: RequestT, encoded: Encoded) -> ResultT | ItemError:
        """The answer of a request that got none in its batch: alone, once. Another item may have made the batch fail,
        or spoilt what it shares a scale or a row with.

        Raises:
            BackendError: the engine runs nothing any more, this request or another.
        """
        try:
            return self._answer(request, encoded)
        except Exception as error:
            failure = item_error(error)
        self._probe()
        return failure

    def _probe(self) -> None:
        """Run the least that the model takes; raises BackendError where the engine cannot."""
        row = Features.from_row(self.text.row(self.text.pieces("")))
        if any(spec.name == "positions" for spec in self.artefact.inputs):
            row = replace(row, positions=np.zeros(1, np.int64))
        if self.task.choices:
            row = Features(row.ids[np.newaxis], row.type_ids[np.newaxis], row.mask[np.newaxis])
        list(self.outputs([row], self._fetch))

    def _answer(self, request: RequestT, encoded: Encoded) -> ResultT:
        """One request's answer; raises BackendError."""
        rows = encoded.features
        found = dict(self.outputs(rows, self._fetch))
        return self._head.decode(request, encoded, [found[i] for i in range(len(rows))])

    def _decoded(self, items: Sequence[tuple[RequestT, Encoded]]) -> Iterable[ResultT | ItemError]:
        """Each request's answer, or the error of its batch."""
        rows = [row for _, encoded in items for row in encoded.features]
        try:
            outputs = self._tried(rows, self._fetch)
        except BackendError as error:  # the session is closed, or of another process
            return [error] * len(items)
        return self._collected(items, outputs)

    def _collected(
        self, items: Sequence[tuple[RequestT, Encoded]], outputs: Iterator[tuple[int, Outputs | ItemError]]
    ) -> Iterator[ResultT | ItemError]:
        """Each request decoded as soon as its rows are done: outputs may be large (vocabulary x sequence)."""
        owners = [n for n, (_, encoded) in enumerate(items) for _ in encoded.features]
        done: list[dict[int, Outputs | ItemError]] = [{} for _ in items]
        answers: dict[int, ResultT | ItemError] = {}
        lost: ItemError = InternalError("rows of it are missing")
        try:
            for i, own in outputs:
                n = owners[i]
                done[n][i] = own
                if len(done[n]) == len(items[n][1].features):
                    answers[n] = self._decode(items[n], [done[n][row] for row in sorted(done[n])])
                    done[n].clear()
        except BackendError as error:  # the session was closed meanwhile; raised in its turn
            lost = error
        yield from (answers.get(n, lost) for n in range(len(items)))

    def _decode(self, item: tuple[RequestT, Encoded], outputs: Sequence[Outputs | ItemError]) -> ResultT | ItemError:
        """The decoded outputs of a request's rows, or the error of the first row that has one."""
        found = [own for own in outputs if not isinstance(own, ItemError)]
        if len(found) < len(outputs):
            return next(own for own in outputs if isinstance(own, ItemError))
        try:
            return self._head.decode(*item, found)
        except Exception as error:
            return item_error(error)

    def _prepared(self, request: object) -> _Item[RequestT]:
        try:
            checked = self.task.request.of(request)
            encoded = self._encoded(checked)
        except Exception as error:
            return item_error(error)
        self.tokens += encoded.tokens
        return checked, encoded

    def _encoded(self, request: RequestT) -> Encoded:
        """The request's rows; raises InputError."""
        return self._head.encode(request)


def _tokens(item: _Item[Any]) -> int:
    return 0 if isinstance(item, ItemError) else int(item[1].tokens)


def _strictly(answers: Iterator[ResultT | ItemError], strict: bool) -> Iterator[ResultT | ItemError]:
    """The answers; where they are `strict`, an error among them is raised in its turn."""
    for answer in answers:
        if strict and isinstance(answer, ItemError):
            raise answer
        yield answer
