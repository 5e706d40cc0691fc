"""The work of a bundle whose requests are rows: they run in batches, and the outputs are decoded."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

from bert_runtime.errors import item_error
from bert_runtime.serving.admission import Admission, QueueLimits
from bert_runtime.serving.job import Job, State
from bert_runtime.serving.lane import JobLane, observed
from bert_runtime.serving.observer import BatchRecord, Observer
from bert_runtime.serving.row_queue import QueuedRow, RowQueue
from bert_runtime.serving.workers import Crew, Work
from bert_runtime.session import Session

AHEAD = 4
"""Batches that are encoded before they can run: what batches of similar length are chosen from."""

FULL = 160
"""Tokens that fill a CPU: fewer rows at once cost more each. Measured: docs/decisions/serving.md."""


class RowLane(JobLane):
    """A lane whose requests are rows, each run once."""

    def __init__(
        self,
        session: Session[Any, Any],
        crew: Crew,
        admission: Admission,
        observer: Observer,
        limits: QueueLimits,
    ) -> None:
        super().__init__(session, crew, admission, observer)
        most = min(limits.max_batch_size, session.batch_limits.max_batch_size)
        own = replace(session.batch_limits, max_batch_tokens=limits.max_batch_tokens, max_batch_size=most)
        self._most = limits.max_batch_tokens
        self._rows = RowQueue(own)
        self._running = 0
        self._was_raw = False  # arrays and texts take turns

    def has_work(self) -> bool:
        """See Lane."""
        return bool(self._raw) or (bool(self._inbox) and self._wants_more()) or self._can_run()

    def take(self, free: int) -> Work:
        """See Lane: first what is there to choose from, then a batch of it."""
        is_only = not ((self._inbox and self._wants_more()) or self._can_run())
        if self._raw and (is_only or not self._was_raw):
            self._was_raw = True
            return self._take_raw()
        self._was_raw = False
        if self._inbox and self._wants_more():
            return self._take_inbox()
        batch = self._take_batch(free)
        self._running += 1
        return functools.partial(self._run, batch)

    def _wants_more(self) -> bool:
        return self._rows.tokens < AHEAD * self._most

    def _can_run(self) -> bool:
        return len(self._rows) > 0 and self._running < self.session.concurrency

    def _take_batch(self, free: int) -> list[QueuedRow]:
        """What runs next: with threads idle no more than their share, so that all have work. It may be nothing, where
        everybody has left."""
        share = -(-self._rows.tokens // max(1, min(free, self.session.concurrency - self._running)))
        batch = []
        for row in self._rows.take(max(FULL, min(self._most, share))):
            job = row.job
            if job.state is State.DONE or job.is_alone:
                continue
            if job.state is State.WAITING:
                self._admission.leave()
                job.started()
            batch.append(row)
        return batch

    def _encoded(self, job: Job) -> None:
        assert job.prepared is not None  # it was encoded
        self._rows.add(job, job.prepared.encoded.features)

    def _abandoned(self) -> list[Job]:
        jobs = super()._abandoned()
        jobs += [row.job for row in self._rows.clear()]
        return [job for job in dict.fromkeys(jobs) if job.state is not State.DONE]

    def _run(self, batch: list[QueuedRow]) -> None:
        try:
            self._answer([row for row in batch if not self._has_expired(row.job)])
        finally:
            with self._crew.lock:
                self._running -= 1

    def _has_expired(self, job: Job) -> bool:
        if job.is_expired():
            self.finish(job, None, job.deadline_error())
            return True
        return False

    def _answer(self, batch: list[QueuedRow]) -> None:
        if not batch:
            return
        began = monotonic()
        try:
            outputs = self.session.run_rows([row.features for row in batch])
        except Exception as error:
            self._apart(list(dict.fromkeys(row.job for row in batch)), error)
            return
        whole = []
        with self._crew.lock:
            for row, own in zip(batch, outputs, strict=True):
                job = row.job
                job.outputs[row.index] = own
                if job.prepared is not None and len(job.outputs) == len(job.prepared.encoded.features):
                    whole.append(job)
        for job in whole:
            self._decode(job, is_apart=len(batch) == 1)
        sizes = [row.features.ids.size for row in batch]
        widest = max(row.size for row in batch)
        record = BatchRecord(len(batch), len(batch) * widest, sum(sizes), monotonic() - began)
        observed(lambda: self._observer.batch_ran(record))

    def _decode(self, job: Job, is_apart: bool) -> None:
        assert job.prepared is not None  # its rows have run
        try:
            result = self.session.decode(job.prepared, [job.outputs[i] for i in range(len(job.outputs))])
        except Exception as error:
            if is_apart:
                self.finish(job, None, item_error(error))
            else:
                self._apart([job], error)
            return
        self.finish(job, result, None)

    def _apart(self, jobs: Sequence[Job], error: Exception) -> None:
        """Each request alone, after what a batch of them met: no other's fault is its own."""
        with self._crew.lock:
            jobs = [job for job in jobs if job.state is not State.DONE and not job.is_alone]
            for job in jobs:
                job.is_alone = True
        for job in jobs:
            assert job.prepared is not None  # its rows have run
            try:
                result = self.session.answer(job.prepared)
            except Exception as own:
                self.finish(job, None, item_error(own))
            else:
                self.finish(job, result, None)
