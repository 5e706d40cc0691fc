"""The program that answers for the C++ heads and searches, and what Python answers to the same questions."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from tests.faults import report_of, without_words

from bert_runtime.errors import BertError
from bert_runtime.record_writers import to_json
from bert_runtime.tasks.task import Features, HeadSettings, Outputs, Task
from bert_runtime.text import TextEncoder

Json = dict[str, Any]
AnyTask = Task[Any, Any, Any]


class HeadsPeer:
    """`heads_peer`, running: one answer for each question, in turn. Use it in `with`."""

    def __init__(self, program: Path) -> None:
        self._process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(timeout=60) == 0

    def __call__(self, op: str, **question: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"op": op, **question}).encode("ascii") + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "heads_peer ended"
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            return {"error": without_words(answer["error"])}
        return answer


def flat(array: NDArray[np.floating[Any]]) -> Json:
    """An array as the program reads it; NaN is null."""
    values = [value if np.isfinite(value) else None for value in array.astype(np.float64).ravel().tolist()]
    return {"shape": list(array.shape), "values": values}


def rows_of(features: Sequence[Features]) -> list[Json]:
    return [{name: value.tolist() for name, value in vars(row).items() if value is not None} for row in features]


def python_answer(
    task: AnyTask, text: TextEncoder, settings: Mapping[str, Any], request: Json, outputs: Sequence[Outputs]
) -> Json:
    """The rows and the result, or the error, in the program's words."""
    try:
        head = task.head(text, HeadSettings(**settings))
        checked = task.request.from_record(request)
        encoded = head.encode(checked)
        result = to_json(head.decode(checked, encoded, outputs)) if outputs else None
    except BertError as error:
        return {"error": report_of(error)}
    return {"features": rows_of(encoded.features), "result": result}
