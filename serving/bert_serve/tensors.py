"""Tensors of the Open Inference Protocol: as JSON, or as bytes after the JSON (the extension for binary data).

Source: https://github.com/kserve/open-inference-protocol and Triton's extension_binary_data.md.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bert_runtime.errors import Problem as Fault
from bert_serve.body import kind, read_object
from bert_serve.problems import Problem, problem

Array = NDArray[Any]

DATATYPES: Mapping[str, str] = {
    "BOOL": "bool",
    "INT8": "int8",
    "INT16": "int16",
    "INT32": "int32",
    "INT64": "int64",
    "UINT8": "uint8",
    "UINT16": "uint16",
    "UINT32": "uint32",
    "UINT64": "uint64",
    "FP16": "float16",
    "FP32": "float32",
    "FP64": "float64",
}
"""The protocol's names, and numpy's; BYTES are texts, one for each element."""

NAMES = {dtype: name for name, dtype in DATATYPES.items()}


@dataclass(frozen=True)
class Tensor:
    """A named tensor: of numbers, or of texts in row-major order."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    array: Array | None = None
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outgoing:
    """A tensor of an answer, and whether it goes as bytes."""

    tensor: Tensor
    is_binary: bool


def read_request(body: bytes, header_length: bytes | None) -> tuple[dict[str, Any], list[Tensor]]:
    """The object of a request, and its inputs.

    Args:
        header_length: the header Inference-Header-Content-Length: where the JSON ends and bytes begin; None: there are
            none.

    Raises:
        Problem: anything else.
    """
    length = _header_length(header_length, len(body))
    value = read_object(body[:length])
    inputs = value.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(each, dict) for each in inputs):
        told = "inputs is missing or no list of tensors, expected one at least"
        raise problem(400, "invalid_request", told, "inputs")
    rest = memoryview(body)[length:]
    tensors = []
    for each in inputs:
        tensor, rest = _read(each, rest)
        tensors.append(tensor)
    if len(rest):
        raise problem(400, "invalid_tensor", f"{len(rest)} bytes follow the tensors, expected none", "inputs")
    return value, tensors


def write_response(value: dict[str, Any], outputs: Sequence[Outgoing]) -> tuple[bytes, int | None]:
    """The body of a response, and the length of its JSON where bytes follow."""
    described, parts = [], []
    for each in outputs:
        tensor = each.tensor
        own: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
        if each.is_binary:
            content = _to_bytes(tensor)
            own["parameters"] = {"binary_data_size": len(content)}
            parts.append(content)
        else:
            own["data"] = list(tensor.texts) if tensor.array is None else tensor.array.ravel().tolist()
        described.append(own)
    head = msgspec.json.encode({**value, "outputs": described})
    return b"".join([head, *parts]), len(head) if parts else None


def _wrong(name: str, told: str, code: str = "invalid_tensor") -> Problem:
    return problem(400, code, f"{name}: {told}", name)


def _header_length(header: bytes | None, size: int) -> int:
    if header is None:
        return size
    if not header.isdigit() or int(header) > size:
        told = f"Inference-Header-Content-Length is {header[:20]!r}, expected at most the {size} bytes of the body"
        raise problem(400, "invalid_tensor", told)
    return int(header)


def _read(value: dict[str, Any], rest: memoryview) -> tuple[Tensor, memoryview]:
    name, datatype, shape = value.get("name"), value.get("datatype"), value.get("shape")
    problems = []
    if not isinstance(name, str):
        problems.append(Fault("wrong-type", "name", f"a tensor's name is {kind(name)}, expected a text"))
    if not isinstance(datatype, str) or (datatype != "BYTES" and datatype not in DATATYPES):
        told = f"{name}: datatype is {datatype!r:.40}, expected one of BYTES, {', '.join(DATATYPES)}"
        problems.append(Fault("not-a-choice", "datatype", told))
    is_shape = isinstance(shape, list) and all(type(size) is int and 0 <= size < 2**31 for size in shape)
    if not is_shape:
        problems.append(Fault("wrong-type", "shape", f"{name}: shape is no list of sizes, expected whole numbers"))
    if problems or not isinstance(name, str) or not isinstance(datatype, str) or not isinstance(shape, list):
        raise Problem(400, "invalid_tensor", problems)
    sizes, count = tuple(shape), math.prod(shape)
    binary = value.get("parameters", {}).get("binary_data_size") if isinstance(value.get("parameters"), dict) else None
    if binary is None:
        return _from_json(Tensor(name, datatype, sizes), value.get("data"), count), rest
    if type(binary) is not int or not 0 <= binary <= len(rest):
        told = f"binary_data_size is {binary!r:.20}, expected at most the {len(rest)} bytes that follow"
        raise _wrong(name, told)
    return _from_bytes(Tensor(name, datatype, sizes), rest[:binary], count), rest[binary:]


def _from_json(tensor: Tensor, data: object, count: int) -> Tensor:
    flat = _flat(data) if isinstance(data, list) else None
    if flat is None or len(flat) != count:
        got = "no list" if flat is None else f"{len(flat)} values"
        raise _wrong(tensor.name, f"data holds {got}, expected {count}, as shape says")
    if tensor.datatype == "BYTES":
        if not all(isinstance(each, str) for each in flat):
            raise _wrong(tensor.name, "data holds other things than texts, expected texts alone")
        return Tensor(tensor.name, "BYTES", tensor.shape, texts=tuple(flat))
    dtype = np.dtype(DATATYPES[tensor.datatype])
    is_whole = dtype.kind in "iu"
    kinds = bool if dtype.kind == "b" else int if is_whole else (int, float)
    if not all(isinstance(each, kinds) and (dtype.kind == "b" or not isinstance(each, bool)) for each in flat):
        raise _wrong(tensor.name, f"data holds other things than {tensor.datatype}, expected that alone")
    try:
        return Tensor(tensor.name, tensor.datatype, tensor.shape, np.array(flat, dtype).reshape(tensor.shape))
    except OverflowError:
        raise _wrong(tensor.name, f"data holds a number beyond {tensor.datatype}, expected another type") from None


def _flat(data: list[Any]) -> list[Any]:
    """Nested lists as one."""
    while any(isinstance(each, list) for each in data):
        data = [item for each in data for item in (each if isinstance(each, list) else [each])]
    return data


def _from_bytes(tensor: Tensor, content: memoryview, count: int) -> Tensor:
    if tensor.datatype == "BYTES":
        return Tensor(tensor.name, "BYTES", tensor.shape, texts=tuple(_texts(tensor.name, content, count)))
    dtype = np.dtype(DATATYPES[tensor.datatype]).newbyteorder("<")
    if len(content) != count * dtype.itemsize:
        raise _wrong(tensor.name, f"has {len(content)} bytes, expected {count * dtype.itemsize}, as shape says")
    array = np.frombuffer(content, dtype).reshape(tensor.shape).astype(DATATYPES[tensor.datatype])
    return Tensor(tensor.name, tensor.datatype, tensor.shape, array)


def _texts(name: str, content: memoryview, count: int) -> list[str]:
    """Each after its length, of four bytes, the lowest first."""
    found: list[str] = []
    at = 0
    while len(found) < count and at + 4 <= len(content):
        (length,) = struct.unpack_from("<I", content, at)
        piece = bytes(content[at + 4 : at + 4 + length])
        if len(piece) < length:
            break
        try:
            found.append(piece.decode())
        except UnicodeDecodeError as error:
            told = f"element {len(found)} is no UTF-8 at byte {error.start}, expected UTF-8"
            raise _wrong(name, told, "invalid_utf8") from None
        at += 4 + length
    if len(found) != count or at != len(content):
        raise _wrong(name, f"its bytes hold no {count} texts, expected each after its length")
    return found


def _to_bytes(tensor: Tensor) -> bytes:
    if tensor.array is not None:
        return tensor.array.astype(tensor.array.dtype.newbyteorder("<")).tobytes()
    encoded = [text.encode() for text in tensor.texts]
    return b"".join(struct.pack("<I", len(each)) + each for each in encoded)
