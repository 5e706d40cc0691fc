"""The program that answers for the C++ tokenizer, and tokenizer.json files made for one question."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.tokenizer_files import Json, record_of

from bert_runtime.tokenizer_record import TokenizerRecord


@dataclass(frozen=True)
class Peer:
    """Asks `tokenizer_peer`: an answer for each question, or one BundleError where the file is refused."""

    program: Path

    def __call__(self, path: Path, questions: Iterable[Json], record: TokenizerRecord | None = None) -> list[Any]:
        """`record` is what a manifest says of the file; without one, what `record_of` does."""
        record = record or record_of(path)
        lines = "".join(json.dumps(question) + "\n" for question in questions)
        command = [str(self.program), str(path), json.dumps(asdict(record))]
        done = subprocess.run(command, input=lines, capture_output=True, check=False, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        return [_without_words(json.loads(line)) for line in done.stdout.split("\n")[:-1]]

    def words(self, path: Path, questions: Iterable[Json]) -> str:
        """The words of the first error that it tells."""
        lines = "".join(json.dumps(question) + "\n" for question in questions)
        command = [str(self.program), str(path), json.dumps(asdict(record_of(path)))]
        done = subprocess.run(command, input=lines, capture_output=True, check=True, encoding="utf-8")
        return str(json.loads(done.stdout.split("\n")[0])["message"])


def _without_words(answer: Any) -> Any:
    return {key: value for key, value in answer.items() if key != "message"} if isinstance(answer, dict) else answer
