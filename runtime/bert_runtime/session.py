"""From text to an answer: a loaded bundle that encodes, batches, runs and decodes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from bert_runtime.backends.engine import Running
from bert_runtime.errors import BackendError, InputError
from bert_runtime.feeds import Feeds, feed_problems
from bert_runtime.manifest import Manifest
from bert_runtime.schedule import Budget, collate, plan, split
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.task import Encoded, Features, Head, Outputs, Task
from bert_runtime.text import TextEncoder

RequestT = TypeVar("RequestT", bound=Request)
EncodedT = TypeVar("EncodedT", bound=Encoded)
ResultT = TypeVar("ResultT")

LOOKAHEAD = 256
"""How many requests `predict` reads before it answers: what length-aware batches are chosen from."""


class Session(Generic[RequestT, ResultT]):
    """A loaded bundle. Every method may be called from several threads at once; use it in `with`, or close it.

    Attributes:
        artefact, engine: what runs, and what runs it.
        active_target: where it really runs, such as cuda; cpu where a file for another engine runs on the CPU.
        reason: why there.
    """

    def __init__(
        self,
        manifest: Manifest,
        task: Task[RequestT, Any, ResultT],
        text: TextEncoder,
        running: Running,
        budget: Budget,
    ) -> None:
        """Put the parts together; `bert_runtime.load` is the way to make one."""
        self.manifest = manifest
        self.artefact = running.artefact
        self.engine = running.engine
        self.active_target = running.active_target
        self.reason = running.reason
        self.task = task
        self.text = text
        self._head: Head[RequestT, Encoded, ResultT] = task.head(text, manifest.settings)
        self._fetch = self._head.fetch(tuple(spec.name for spec in self.artefact.outputs))
        self._budget = budget

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
        """Answer a stream in its own order, in batches of similar length; holds LOOKAHEAD requests at a time.

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

        Raises:
            BackendError: the engine failed.
        """
        for indices in plan(rows, self._budget):
            batch = [rows[i] for i in indices]
            feeds = collate(batch, self.text.pad_id)
            outputs = self.engine.run({spec.name: feeds[spec.name] for spec in self.artefact.inputs}, fetch)
            yield from zip(indices, split(outputs, batch, self.artefact.outputs), strict=True)

    def close(self) -> None:
        """Free the model; using the session afterwards is a BackendError."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _stream(
        self, requests: Iterator[RequestT | Mapping[str, object]], strict: bool
    ) -> Iterator[ResultT | InputError]:
        for first in itertools.count(0, LOOKAHEAD):
            chunk, failure = _take(requests)
            for answer in self._answers(chunk, first):
                if strict and isinstance(answer, InputError):
                    raise answer
                yield answer
            if failure is not None:
                raise failure
            if len(chunk) < LOOKAHEAD:
                return

    def _answers(self, chunk: Sequence[RequestT | Mapping[str, object]], first: int) -> Iterator[ResultT | InputError]:
        """One chunk's answers in order: encode all, run all rows in common batches, decode."""
        prepared = [self._prepared(request, first + i) for i, request in enumerate(chunk)]
        answers = iter(self._decoded([item for item in prepared if not isinstance(item, InputError)]))
        for item in prepared:
            answer = item if isinstance(item, InputError) else next(answers)
            if isinstance(answer, BackendError):
                raise answer
            yield answer

    def _answer(self, request: RequestT, encoded: Encoded) -> ResultT:
        """One request's answer; raises BackendError."""
        rows = encoded.features
        found = dict(self.outputs(rows, self._fetch))
        return self._head.decode(request, encoded, [found[i] for i in range(len(rows))])

    def _decoded(self, items: Sequence[tuple[RequestT, Encoded]]) -> list[ResultT | BackendError]:
        """Each request's answer, decoded as soon as its rows are done: outputs may be large (vocabulary x sequence)."""
        owners = [n for n, (_, encoded) in enumerate(items) for _ in encoded.features]
        done: list[dict[int, Outputs]] = [{} for _ in items]
        answers: dict[int, ResultT | BackendError] = {}
        for i, own in self.outputs([row for _, encoded in items for row in encoded.features], self._fetch):
            n = owners[i]
            done[n][i] = own
            request, encoded = items[n]
            if len(done[n]) == len(encoded.features):
                try:
                    answers[n] = self._head.decode(request, encoded, [done[n][row] for row in sorted(done[n])])
                except BackendError as error:  # raised in its turn: the answers before it come first
                    answers[n] = error
                done[n].clear()
        return [answers[n] for n in range(len(items))]

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


T = TypeVar("T")


def _take(items: Iterator[T]) -> tuple[list[T], Exception | None]:
    """Up to LOOKAHEAD items, and the error of a source that broke, so that what it gave before is still answered."""
    taken: list[T] = []
    try:
        taken.extend(itertools.islice(items, LOOKAHEAD))
    except Exception as error:  # the caller's own generator may raise anything; `_stream` raises it again
        return taken, error
    return taken, None
