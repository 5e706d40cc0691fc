"""Answers for many callers at once: a micro-batcher over loaded bundles, from threads or from asyncio."""

from bert_runtime.serving.admission import QueueLimits
from bert_runtime.serving.answered import Answered
from bert_runtime.serving.batcher import Batcher
from bert_runtime.serving.errors import BatcherClosed, DeadlineExceeded, Overloaded
from bert_runtime.serving.observer import BatchRecord, Observer, RequestRecord
from bert_runtime.serving.text_stream import TextStream
from bert_runtime.serving.workers import Workers

__all__ = [
    "Answered",
    "BatchRecord",
    "Batcher",
    "BatcherClosed",
    "DeadlineExceeded",
    "Observer",
    "Overloaded",
    "QueueLimits",
    "RequestRecord",
    "TextStream",
    "Workers",
]
