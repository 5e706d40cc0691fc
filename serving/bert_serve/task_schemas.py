"""The schemas of a task's own request and result, read from their dataclasses."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Any

import numpy as np

from bert_runtime.tasks.task import Task
from bert_runtime.tasks.text_generation import EncoderStates

Schema = dict[str, Any]


def task_schemas(task: Task[Any, Any, Any]) -> tuple[Schema, Schema]:
    """The schemas of a task's request and of its result."""
    decoded = typing.get_type_hints(task.head.decode)["return"]
    return dataclass_schema(task.request, is_request=True), schema_of(decoded)


def dataclass_schema(cls: type, is_request: bool = False) -> Schema:
    """An object with the fields of a dataclass; of a request, those without a default are required."""
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cls)
    required = [each.name for each in fields if not is_request or each.default is dataclasses.MISSING]
    return {
        "type": "object",
        "properties": {each.name: schema_of(hints[each.name]) for each in fields},
        "required": required,
        "additionalProperties": False,
    }


def schema_of(hint: Any) -> Schema:
    """The schema of a type's values as JSON has them."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return {"anyOf": [schema_of(each) for each in arguments]}
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": schema_of(arguments[0])}
    if origin is np.ndarray:
        return {"type": "array", "items": {"type": ["number", "array"]}}
    return _class_schema(hint)


def _class_schema(cls: Any) -> Schema:
    if cls is EncoderStates:
        lists = {"hidden": {"type": "array"}, "mask": {"type": "array"}}
        return {"type": "object", "required": ["hidden"], "properties": lists}
    if isinstance(cls, type) and issubclass(cls, Enum):
        return {"enum": [each.value for each in cls]}
    if isinstance(cls, type) and dataclasses.is_dataclass(cls):
        return dataclass_schema(cls)
    return {"type": _TYPES.get(cls, "object")}


_TYPES: Mapping[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
