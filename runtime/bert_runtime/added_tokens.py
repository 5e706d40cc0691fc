"""The tokens that a tokenizer finds in a text before it is cut into words: what their list must fulfil."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tokenizers import Tokenizer

from bert_runtime.tokenizer_parts.limits import LONGEST_ADDED_TOKEN


def added_token_problem(
    tokens: Sequence[Mapping[str, Any]], vocabulary: Mapping[str, int], normalizer: Mapping[str, Any] | None
) -> str | None:
    """What is wrong with the first of `added_tokens` that the tokenizers library would read otherwise, if any is.

    The library numbers added tokens itself: by the vocabulary, else upwards from its size.
    """
    size, taken, added = len(vocabulary), set(vocabulary.values()), set()
    found: dict[tuple[bool, str], str] = {}
    normalize = _normalizer(normalizer)
    for token in tokens:
        content, token_id = token["content"], token["id"]
        known = content in vocabulary
        wanted = vocabulary.get(content, size)
        if token_id != wanted or (not known and token_id in taken) or token_id in added:
            expected = str(wanted) if token_id != wanted else "an id of its own"
            return f"the added token '{content}' has id {token_id}, expected {expected}"
        pattern = normalize(content) if token["normalized"] else content
        if not 0 < (length := len(pattern.encode())) <= LONGEST_ADDED_TOKEN:
            return (
                f"the added token '{content}' has {length} bytes once normalised, expected 1 to {LONGEST_ADDED_TOKEN}"
            )
        other = found.setdefault((token["normalized"], pattern), content)
        if other is not content:
            return f"the added tokens '{other}' and '{content}' are found as the same text, expected tokens that differ"
        size += not known
        added.add(token_id)
    return None


def _normalizer(part: Mapping[str, Any] | None) -> Callable[[str], str]:
    """What the normalizer of a tokenizer.json does to a text."""
    if part is None:
        return lambda text: text
    model = {"type": "WordLevel", "vocab": {"?": 0}, "unk_token": "?"}
    content = {"version": "1.0", "model": model, "normalizer": part, "added_tokens": []}
    normalize: Callable[[str], str] = Tokenizer.from_str(json.dumps(content)).normalizer.normalize_str
    return normalize
