"""A tokenizer.json, checked part by part before the tokenizers library reads it: rule 36 of BUNDLE.md.

The library reads tokenizers of every kind, and some of their settings make it panic, run for ever or use up the memory.
What it is given here is written anew from the parts that are known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from tokenizers import Tokenizer

from bert_runtime import strict_json
from bert_runtime.added_tokens import added_token_problem
from bert_runtime.errors import BundleError, Problem
from bert_runtime.tokenizer_parts import read_parts


def read(content: bytes, name: str) -> Tokenizer:
    """The tokenizer that a tokenizer.json describes; `name` is the file's, for messages.

    Raises:
        BundleError: the content is no JSON, has parts that are not known, or contradicts itself.
    """
    checked = read_parts(strict_json.loads(content, name), name)
    try:
        _check_ids(checked)
        with loading():
            return Tokenizer.from_str(json.dumps(checked))
    except BundleError as error:
        raise BundleError(Problem("bad-tokenizer", name, f"{name}: {error}")) from error


@contextmanager
def loading() -> Iterator[None]:
    """Whatever the tokenizers library raises while it reads a tokenizer becomes a BundleError."""
    try:
        yield
    except BundleError:
        raise
    except BaseException as error:
        raise BundleError(f"{failure(error)}; expected a tokenizer.json; export the bundle again") from error


def failure(error: BaseException) -> str:
    """What the tokenizers library says. It raises plain Exception, and where it panics an exception of its bindings
    that is no Exception; any other of that kind, such as KeyboardInterrupt, is raised again."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        raise error
    return str(error)


def _check_ids(content: Mapping[str, Any]) -> None:
    """Each token has an id of its own, and whatever is named is there."""
    model = content["model"]
    vocabulary = _vocabulary(model)
    tokens = {token_id: token for token, token_id in vocabulary.items()}
    if len(tokens) < len(vocabulary):
        raise BundleError(f"the vocabulary gives {_twice(vocabulary)}, expected one token for each id; {_AGAIN}")
    unknown = model.get("unk_token")
    if unknown is not None and unknown not in vocabulary:
        raise BundleError(f"the vocabulary lacks the unknown token '{unknown}'; {_AGAIN}")
    for left, right in model.get("merges", ()):
        lacking = next((token for token in (left, right, left + right) if token not in vocabulary), None)
        if lacking is not None:
            raise BundleError(f"the merges name '{lacking}', expected tokens of the vocabulary; {_AGAIN}")
    problem = added_token_problem(content["added_tokens"], vocabulary, content["normalizer"])
    if problem:
        raise BundleError(f"{problem}; {_AGAIN}")
    known = tokens.keys() | {token["id"] for token in content["added_tokens"]}
    for token_id in _template_ids(content["post_processor"]):
        if token_id not in known:
            raise BundleError(f"the post-processor adds id {token_id}, expected one of the vocabulary; {_AGAIN}")


def _vocabulary(model: Mapping[str, Any]) -> Mapping[str, int]:
    """Tokens with their ids: those of Unigram are the places in its list."""
    if model["type"] != "Unigram":
        vocabulary: Mapping[str, int] = model["vocab"]
        return vocabulary
    places: dict[str, int] = {}
    for place, (token, _) in enumerate(model["vocab"]):
        if places.setdefault(token, place) != place:
            raise BundleError(f"the vocabulary has '{token}' twice, expected each token once; {_AGAIN}")
    return places


_AGAIN = "export the bundle again"


def _twice(vocabulary: Mapping[str, int]) -> str:
    """The smallest id that two tokens have, and the first two of them."""
    pairs = sorted((token_id, token.encode()) for token, token_id in vocabulary.items())
    (token_id, one), (_, other) = next((a, b) for a, b in pairwise(pairs) if a[0] == b[0])
    return f"id {token_id} to '{one.decode()}' and to '{other.decode()}'"


def _template_ids(part: Mapping[str, Any] | None) -> Iterator[int]:
    if part is None or part["type"] == "ByteLevel":
        return
    if part["type"] == "Sequence":
        for each in part["processors"]:
            yield from _template_ids(each)
        return
    if part["type"] != "TemplateProcessing":
        yield from (part["cls"][1], part["sep"][1])
        return
    for key in ("single", "pair"):
        for element in part[key]:
            if "SpecialToken" in element:
                yield from part["special_tokens"][element["SpecialToken"]["id"]]["ids"]
