"""JSON from a stranger: everything that two parsers could read differently, or that could exhaust one, is an error."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, NoReturn

from bert_runtime.errors import BundleError, Problem

MAX_DEPTH = 64
MAX_DIGITS = 20


def loads(content: bytes, name: str) -> Any:
    """The value that UTF-8 encoded JSON text stands for; `name` is the file's name, for messages.

    Raises:
        BundleError: broken UTF-8 or JSON, a repeated key, a number that is no finite double or 64-bit integer, a lone
            surrogate, or nesting deeper than `MAX_DEPTH`.
    """
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_float,
            parse_int=_int,
        )
    except RecursionError as error:
        raise BundleError(Problem("too-deep", name, f"{name}: {_too_deep()}")) from error
    except UnicodeDecodeError as error:
        raise BundleError(
            Problem("not-utf8", name, f"{name}: is no UTF-8 at byte {error.start}; export the bundle again")
        ) from error
    except json.JSONDecodeError as error:
        raise BundleError(Problem("not-json", name, f"{name}: is no JSON: {error}; export the bundle again")) from error
    except BundleError as error:
        raise BundleError(Problem(error.code, name, f"{name}: {error}")) from error
    _check(value, name)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        repeated = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise BundleError(
            Problem("repeated-key", "", f"the key {repeated!r:.60} is repeated in one object, expected each key once")
        )
    return record


def _not_finite(text: str, more: str = ", expected finite numbers only") -> BundleError:
    return BundleError(Problem("not-finite", "", f"holds the number {text:.40}{more}"))


def _constant(text: str) -> NoReturn:
    raise _not_finite(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _not_finite(text)
    return value


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _not_finite(text, "..., expected finite numbers only, integers of 64 bits")
    return int(text)


def _check(value: Any, name: str) -> None:
    """Depth and surrogates, level by level: no recursion, so that no depth can exhaust the stack."""
    level, depth = [value], 0
    while level:
        broken = next((item for item in level if isinstance(item, str) and not _has_utf8(item)), None)
        if broken is not None:
            raise BundleError(
                Problem(
                    "not-utf8",
                    name,
                    f"{name}: holds a lone surrogate in {broken!r:.60}, expected text that UTF-8 can write",
                )
            )
        depth += any(isinstance(item, dict | list) for item in level)
        if depth > MAX_DEPTH:
            raise BundleError(Problem("too-deep", name, f"{name}: {_too_deep()}"))
        level = [child for item in level for child in _children(item)]


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return itertools.chain(item.keys(), item.values())
    return item if isinstance(item, list) else ()


def _has_utf8(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def _too_deep() -> str:
    return f"is nested too deep, expected at most {MAX_DEPTH} levels; export the bundle again"
