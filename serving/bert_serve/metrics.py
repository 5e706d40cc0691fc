"""What Prometheus reads: requests by outcome, stages, queue, batches, rejections, tokens."""

from __future__ import annotations

import functools
import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from bert_runtime.serving import BatchRecord, RequestRecord
from bert_runtime.serving.observer import Rejection

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Where several processes keep their figures for each other; prometheus-client reads it when it is imported."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TOKENS = (16, 32, 64, 128, 160, 256, 384, 512, 1024, 2048, 4096)
_ROWS = (1, 2, 4, 8, 16, 32, 64)
_FILL = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """One process's figures."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self.http = Histogram(
            "bert_http_request_seconds",
            "From a request's headers to the end of its answer",
            ["route", "status"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.problems = Counter(
            "bert_http_problems_total", "Requests without an answer, by cause", ["route", "code"], registry=registry
        )
        self.requests = Counter(
            "bert_requests_total", "Texts that were admitted, by outcome", ["model", "outcome"], registry=registry
        )
        self.stages = Histogram(
            "bert_request_stage_seconds",
            "Seconds of an admitted text: queued, encoded, gathered (before its first run), ran",
            ["model", "stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.waiting = Gauge(
            "bert_queue_waiting",
            "Texts that wait for their first run",
            ["model"],
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.rejections = Counter(
            "bert_rejections_total", "Texts that were not admitted, by cause", ["model", "cause"], registry=registry
        )
        self.tokens = Counter("bert_tokens_total", "Tokens of answered texts", ["model"], registry=registry)
        self.batch_tokens = Histogram(
            "bert_batch_tokens", "Tokens of a batch, padding included", ["model"], buckets=_TOKENS, registry=registry
        )
        self.batch_rows = Histogram("bert_batch_rows", "Rows of a batch", ["model"], buckets=_ROWS, registry=registry)
        self.batch_fill = Histogram(
            "bert_batch_fill", "Share of a batch that is no padding", ["model"], buckets=_FILL, registry=registry
        )
        self.batch_seconds = Histogram(
            "bert_batch_seconds", "Seconds of a run, with its decoding", ["model"], buckets=_SECONDS, registry=registry
        )

    @functools.lru_cache(maxsize=1024)  # noqa: B019 - there is one of this class in a process
    def request(self, route: str, status: int) -> Histogram:
        """The seconds of requests of a route that ended with a status."""
        return self.http.labels(route, status)

    def text(self) -> bytes:
        """All figures in Prometheus's format; with several processes, those of all."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


class ModelObserver:
    """Tells the metrics of one model's batcher."""

    def __init__(self, metrics: Metrics, model: str) -> None:
        self._requests = {
            outcome: metrics.requests.labels(model, outcome)
            for outcome in ("answered", "refused", "failed", "expired", "cancelled", "closed")
        }
        self._stages = {
            stage: metrics.stages.labels(model, stage) for stage in ("queued", "encoded", "gathered", "ran")
        }
        self._rejections = {cause: metrics.rejections.labels(model, cause) for cause in ("overloaded", "closed")}
        self._tokens = metrics.tokens.labels(model)
        self._batch_tokens = metrics.batch_tokens.labels(model)
        self._batch_rows = metrics.batch_rows.labels(model)
        self._batch_fill = metrics.batch_fill.labels(model)
        self._batch_seconds = metrics.batch_seconds.labels(model)

    def request_ended(self, record: RequestRecord) -> None:
        """See Observer."""
        self._requests[record.outcome].inc()
        if record.outcome == "answered":
            self._tokens.inc(record.tokens)
            self._stages["queued"].observe(record.queued)
            self._stages["encoded"].observe(record.encoded)
            self._stages["gathered"].observe(record.gathered)
            self._stages["ran"].observe(record.ran)

    def batch_ran(self, record: BatchRecord) -> None:
        """See Observer."""
        self._batch_tokens.observe(record.tokens)
        self._batch_rows.observe(record.rows)
        self._batch_fill.observe(record.filled / record.tokens)
        self._batch_seconds.observe(record.seconds)

    def rejected(self, cause: Rejection, count: int) -> None:
        """See Observer."""
        self._rejections[cause].inc(count)
