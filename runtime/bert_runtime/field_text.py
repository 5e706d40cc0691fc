"""A field's value as text spells it, in a cell or on a command line."""

from __future__ import annotations

import json
import types
import typing


def from_text(text: str, hint: object) -> object:
    """A field's value as a cell or a flag spells it: numbers, true or false, a JSON list for tuple[str, ...].

    What cannot be read stays text: the request then says which type it expected.
    """
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    try:
        if hint is int or hint is float:
            return int(text) if hint is int else float(text)
        if hint is bool:
            return {"true": True, "false": False}[text.strip().lower()]
        if typing.get_origin(hint) is tuple:
            return json.loads(text)
    except (ValueError, KeyError, RecursionError):
        pass
    return text


def flag_of(field: str) -> str:
    """`top_k` is `--top-k`."""
    return "--" + field.replace("_", "-")
