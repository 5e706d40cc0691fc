"""The work of a bundle that continues texts: each piece of it is one more token for every text that grows."""

from __future__ import annotations

import functools
import math
from collections import deque
from collections.abc import Sequence
from time import monotonic

from bert_runtime.errors import BackendError, InputError, item_error
from bert_runtime.generation.batches import lanes
from bert_runtime.generation.flow import Growth
from bert_runtime.generation.session import GenerationSession, is_single
from bert_runtime.serving.admission import Admission, QueueLimits
from bert_runtime.serving.job import Job, State
from bert_runtime.serving.lane import JobLane, observed
from bert_runtime.serving.observer import BatchRecord, Observer
from bert_runtime.serving.workers import Crew, Work
from bert_runtime.session import Prepared
from bert_runtime.tasks.text_generation import Prompt, TextGenerationRequest

_LOST = "the engine failed on what grew beside this text, of which a part was told already; ask again"


class GenerationLane(JobLane):
    """A lane whose texts grow together; one thread at a time works on them."""

    def __init__(
        self,
        session: GenerationSession,
        crew: Crew,
        admission: Admission,
        observer: Observer,
        limits: QueueLimits,
    ) -> None:
        super().__init__(session, crew, admission, observer)
        self._generation = session
        self._rows = min(limits.max_batch_size, session.batch_limits.max_batch_size)
        self._tokens = session.batch_limits.max_batch_tokens
        self._ready: deque[Job] = deque()
        self._flow = session.flow()
        self._growing: dict[int, tuple[Growth, Job]] = {}
        self._told: dict[Job, str] = {}
        self._is_running = False

    def has_work(self) -> bool:
        """See Lane."""
        return bool(self._inbox or self._raw) or (not self._is_running and bool(self._ready or self._growing))

    def take(self, free: int) -> Work:
        """See Lane: requests are encoded at once, so that they can join at the next token."""
        if self._raw:
            return self._take_raw()
        if self._inbox:
            return self._take_inbox()
        self._is_running = True
        return functools.partial(self._step, self._joining())

    def _joining(self) -> list[Job]:
        """What begins to grow now: as many as there are rows and tokens for, one at least where nothing grows."""
        jobs: list[Job] = []
        requests = [growth.request for growth, _ in self._growing.values()]
        size = sum(_size(growth.request, growth.prompt) for growth, _ in self._growing.values())
        while self._ready:
            job = self._ready[0]
            if job.state is State.WAITING:
                request, prompt = _parts(job)
                rows = sum(lanes(each) for each in [*requests, request])
                size += _size(request, prompt)
                if requests and (rows > self._rows or size > self._tokens):
                    break
                requests.append(request)
                self._admission.leave()
                job.started()
                jobs.append(job)
            self._ready.popleft()
        return jobs

    def _encoded(self, job: Job) -> None:
        self._ready.append(job)

    def _prepared(self, job: Job) -> Prepared[TextGenerationRequest]:
        prepared = self._generation.prepare(job.request)  # type: ignore[arg-type]  # it is judged there
        request = prepared.request
        if job.tell is not None and not is_single(request):
            asked = f"num_beams {request.num_beams} and num_return_sequences {request.num_return_sequences}"
            raise InputError(f"streaming with {asked}, expected 1 of both: ask for whole texts")
        return prepared

    def _abandoned(self) -> list[Job]:
        jobs = super()._abandoned() + [job for job in self._ready if job.state is State.WAITING]
        self._ready.clear()
        return jobs

    def _step(self, joining: Sequence[Job]) -> None:
        try:
            self._drop()
            began = monotonic()
            self._advance()
            self._join([job for job in joining if not self._is_over(job)])
            rows = sum(lanes(growth.request) for growth in self._flow.growths)
            if rows:
                record = BatchRecord(rows, rows, rows, monotonic() - began)
                observed(lambda: self._observer.batch_ran(record))
        finally:
            with self._crew.lock:
                self._is_running = False

    def _drop(self) -> None:
        """Texts that nobody waits for grow no further."""
        for growth, job in list(self._growing.values()):
            if self._is_over(job):
                self._flow.leave(growth)
                self._forget(growth, job)

    def _is_over(self, job: Job) -> bool:
        """Whether nobody waits for a request any more, which then ends."""
        if job.is_expired() or job.is_left:
            self.finish(job, None, job.deadline_error())
            return True
        return False

    def _advance(self) -> None:
        try:
            advanced = self._flow.advance()
        except Exception as error:
            lost = list(self._growing.values())
            self._flow = self._generation.flow()
            for growth, job in lost:
                was_told = bool(self._told.get(job))
                self._forget(growth, job)
                self._alone(job, BackendError(_LOST) if was_told else error, was_told)
            return
        for growth in advanced:
            self._grown(growth, self._growing[id(growth)][1])

    def _join(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        try:
            growths = self._flow.join([_parts(job) for job in jobs])
        except Exception as error:
            for job in jobs:
                self._alone(job, error, len(jobs) == 1)
            return
        for growth, job in zip(growths, jobs, strict=True):
            self._growing[id(growth)] = growth, job
            self._grown(growth, job)

    def _grown(self, growth: Growth, job: Job) -> None:
        """A text has one token more."""
        try:
            if job.tell is not None:
                self._tell(growth, job)
            if not growth.is_done:
                return
            result = self._generation.result(growth)
        except Exception as error:
            self._flow.leave(growth)
            self._forget(growth, job)
            self.finish(job, None, item_error(error))
            return
        self._forget(growth, job)
        job.tokens = sum(len(each.token_ids) for each in result.sequences)
        self.finish(job, result, None)

    def _tell(self, growth: Growth, job: Job) -> None:
        text, told = self._generation.continued(growth), self._told.get(job, "")
        # A tokenizer's decoder may rewrite the end of a text; what was told cannot be taken back.
        if job.tell is not None and text.startswith(told) and len(text) > len(told):
            self._told[job] = text
            job.tell(text[len(told) :])

    def _alone(self, job: Job, error: Exception, is_final: bool) -> None:
        """A request alone, after what it met together with others; `is_final`: it is not tried again."""
        if is_final or job.prepared is None:
            self.finish(job, None, item_error(error))
            return
        try:
            result = self._generation.answer(job.prepared)
        except Exception as own:
            self.finish(job, None, item_error(own))
            return
        if job.tell is not None:
            job.tell(result.sequences[0].text)
        self.finish(job, result, None)

    def _forget(self, growth: Growth, job: Job) -> None:
        del self._growing[id(growth)]
        self._told.pop(job, None)


def _parts(job: Job) -> tuple[TextGenerationRequest, Prompt]:
    assert job.prepared is not None  # it was encoded
    prompt = job.prepared.encoded
    assert isinstance(prompt, Prompt)  # by the session's own head
    return job.prepared.request, prompt


def _size(request: TextGenerationRequest, prompt: Prompt) -> int:
    """Tokens of the cache that a request may come to."""
    return math.prod((lanes(request), len(prompt.ids) + request.max_new_tokens)) + prompt.source_length
