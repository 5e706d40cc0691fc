"""What a tokenizer.json says, checked before the tokenizers library reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tokenizers import Tokenizer

from bert_runtime.errors import BundleError


def read(content: bytes, name: str) -> Tokenizer:
    """The tokenizer that a tokenizer.json describes; `name` is the file's, for messages.

    Raises:
        BundleError: the content is none, or its model is no WordPiece.
    """
    try:
        text = content.decode("utf-8")
        kind = (json.loads(text).get("model") or {}).get("type")
    except (ValueError, AttributeError, RecursionError) as error:
        raise BundleError(f"{name}: {error}; expected a tokenizer.json; export the bundle again") from error
    if kind != "WordPiece":
        raise BundleError(f"{name}: the tokenizer's model is {kind}, expected WordPiece; export a BERT checkpoint")
    try:
        with loading():
            return Tokenizer.from_str(text)
    except BundleError as error:
        raise BundleError(f"{name}: {error}") from error


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
