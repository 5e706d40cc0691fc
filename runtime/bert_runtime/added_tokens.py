"""The tokens that a tokenizer finds in a text before it is cut into words: what their list must fulfil."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers.normalizers import BertNormalizer


def added_token_problem(
    tokens: Sequence[Mapping[str, Any]], vocabulary: Mapping[str, int], normalizer: Mapping[str, Any] | None
) -> str | None:
    """What is wrong with the first of `added_tokens` that the tokenizers library would read otherwise, if any is.

    The library numbers added tokens itself: by the vocabulary, else upwards from its size.
    """
    size, taken, added = len(vocabulary), set(vocabulary.values()), set()
    found: dict[tuple[bool, str], str] = {}
    for token in tokens:
        content, token_id = token["content"], token["id"]
        known = content in vocabulary
        wanted = vocabulary.get(content, size)
        if token_id != wanted or (not known and token_id in taken) or token_id in added:
            expected = str(wanted) if token_id != wanted else "an id of its own"
            return f"the added token '{content}' has id {token_id}, expected {expected}"
        pattern = _normalized(content, normalizer) if token["normalized"] else content
        if not pattern:
            return f"the added token '{content}' is empty once normalised, expected one that a text can hold"
        other = found.setdefault((token["normalized"], pattern), content)
        if other is not content:
            return f"the added tokens '{other}' and '{content}' are found as the same text, expected tokens that differ"
        size += not known
        added.add(token_id)
    return None


def _normalized(content: str, normalizer: Mapping[str, Any] | None) -> str:
    if normalizer is None:
        return content
    settings = {key: value for key, value in normalizer.items() if key != "type"}
    pattern: str = BertNormalizer(**settings).normalize_str(content)
    return pattern
