"""Structured logs: a line of JSON on standard error for each event. No line holds a text that a client sent."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

import msgspec


class JsonHandler(logging.Handler):
    """Writes each record as one line; what a record's `fields` hold stands beside its message."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__()
        self._stream = stream or sys.stderr

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        try:
            line = {
                "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
                "level": record.levelname.lower(),
                "message": record.getMessage(),
                **getattr(record, "fields", {}),
            }
            if record.exc_info and record.exc_info[1] is not None:
                line["error"] = type(record.exc_info[1]).__name__
                line["where"] = _where(record.exc_info[1])
            self._stream.write(msgspec.json.encode(line).decode() + "\n")
            self._stream.flush()
        except Exception:
            self.handleError(record)


def configure(stream: TextIO | None = None) -> None:
    """Let the loggers of this project and of uvicorn write JSON."""
    handler = JsonHandler(stream)
    for name in ("bert_serve", "bert_runtime", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [] if name == "uvicorn.error" else [handler]
        logger.propagate = name == "uvicorn.error"
        logger.setLevel(logging.WARNING if name.startswith("uvicorn") else logging.INFO)


def _where(error: BaseException) -> list[str]:
    """The places in the sources that an error passed through: an error's own words may quote a client's text."""
    places, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return places[-20:]
