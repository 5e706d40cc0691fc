"""The flags of a task: one for each field of its request, read from the dataclass and its docstring."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import inspect
import json
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bert_runtime.errors import InputError
from bert_runtime.field_text import flag_of, from_text
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.task import Task

_VALUE, _FILE = "field ", "file "
"""Prefixes of argparse's names, with a space: no other flag can have such a name."""


def add_request_flags(parser: argparse.ArgumentParser, request: type[Request]) -> None:
    """A flag for each field; a text field `x` also has `--x-file`, which reads it from a UTF-8 file."""
    group = parser.add_argument_group(
        "the request",
        "Each text flag, such as --x, also exists as --x-file FILE, which reads it from a UTF-8 file. "
        "With --input these flags are the defaults of every line.",
    )
    hints, meanings = typing.get_type_hints(request), _meanings(request)
    for field in _fields(request):
        hint = _without_none(hints[field.name])
        meaning = (meanings.get(field.name, "") + _default(field)).strip().replace("%", "%%")
        flag, name = flag_of(field.name), _VALUE + field.name
        if hint is bool:
            action = argparse.BooleanOptionalAction
            group.add_argument(flag, dest=name, action=action, default=argparse.SUPPRESS, help=meaning)
        elif typing.get_origin(hint) is tuple:
            group.add_argument(
                flag, dest=name, nargs="*", action="extend", metavar="TEXT", default=argparse.SUPPRESS, help=meaning
            )
        else:
            metavar = {int: "N", float: "NUMBER"}.get(typing.cast(type, hint), "TEXT")
            group.add_argument(flag, dest=name, metavar=metavar, default=argparse.SUPPRESS, help=meaning)
        if hint is str:
            hidden = argparse.SUPPRESS
            group.add_argument(f"{flag}-file", dest=_FILE + field.name, default=hidden, help=hidden, metavar="FILE")


def request_fields(parsed: argparse.Namespace, request: type[Request]) -> dict[str, object]:
    """The fields that the flags gave; numbers that cannot be read stay text, for the request to refuse.

    Raises:
        InputError: a text is given both by itself and as a file, or its file is not UTF-8.
        OSError: a file cannot be read.
    """
    values, hints = vars(parsed), typing.get_type_hints(request)
    names = [field.name for field in dataclasses.fields(request)]
    both = [name for name in names if _VALUE + name in values and _FILE + name in values]
    if both:
        raise InputError(f"got {flag_of(name)} and {flag_of(name)}-file, expected one of them" for name in both)
    fields: dict[str, object] = {}
    for name in names:
        if _FILE + name in values:
            fields[name] = _content(Path(values[_FILE + name]))
        elif _VALUE + name in values:
            value = values[_VALUE + name]
            fields[name] = from_text(value, hints[name]) if isinstance(value, str) else _texts(value)
    return fields


def _texts(value: object) -> object:
    """The words of a flag that takes texts; a single one may be a JSON list of them."""
    if isinstance(value, list) and len(value) == 1 and value[0].startswith("["):
        with contextlib.suppress(ValueError, RecursionError):
            found = json.loads(value[0])
            if isinstance(found, list) and all(isinstance(item, str) for item in found):
                return found
    return value


def summary(task: Task[Any, Any, Any]) -> str:
    """The task's flags on one line; those that may be left out in brackets."""
    return f"{' = '.join((task.name, *task.aliases))}: {_taken(task)}"


def takes(task: Task[Any, Any, Any]) -> str:
    """The same as a sentence."""
    return f"{task.name} takes {_taken(task)}"


def _taken(task: Task[Any, Any, Any]) -> str:
    fields = _fields(task.request)
    return " ".join(flag_of(field.name) if _required(field) else f"[{flag_of(field.name)}]" for field in fields)


def required_flags(request: type[Request]) -> tuple[str, ...]:
    """The flags that every request needs."""
    return tuple(flag_of(field.name) for field in dataclasses.fields(request) if _required(field))


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start + 1} is not UTF-8; save the file as UTF-8") from error


def _fields(request: type[Request]) -> list[dataclasses.Field[Any]]:
    """The request's fields, those first that every request needs: an inherited field may stand before them."""
    return sorted(dataclasses.fields(request), key=lambda field: not _required(field))


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING


def _default(field: dataclasses.Field[Any]) -> str:
    if _required(field):
        return " (required)"
    value = field.default
    if value is None or isinstance(value, bool):
        return "" if value is None else f" (default: {'on' if value else 'off'})"
    return f" (default: {' '.join(value) if isinstance(value, tuple) else value})"


def _without_none(hint: object) -> object:
    if isinstance(hint, types.UnionType):
        return next(option for option in typing.get_args(hint) if option is not type(None))
    return hint


def _meanings(request: type[Request]) -> Mapping[str, str]:
    """What the docstrings of the class and its bases say of fields under `Attributes:`; `a, b: text` serves both."""
    meanings: dict[str, str] = {}
    for described in reversed(request.__mro__):
        _, _, attributes = (inspect.cleandoc(described.__doc__ or "")).partition("Attributes:\n")
        for names, text in re.findall(r"^ {4}(\w+(?:, \w+)*): (.*(?:\n {5,}.*)*)", attributes, flags=re.MULTILINE):
            meanings |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return meanings
