"""The manifest's values from the records of its JSON: every type and value checked, every problem kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bert_runtime.errors import Problem
from bert_runtime.format_words import (
    ACTIVATIONS,
    DTYPES,
    FILE_NAME,
    MASKS,
    MOST_ARTEFACTS,
    MOST_FILES,
    PAIR_TYPE_IDS,
    PLAIN_NAME,
    POOLINGS,
    PROBLEM_TYPES,
    SPECIAL,
    TRUNCATION_SIDES,
)
from bert_runtime.json_record import Record
from bert_runtime.manifest import FORMAT, OLDEST, VERSION, Artefact, FileRecord, Graph, Manifest
from bert_runtime.targets import BY_NAME, PRECISIONS
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.tensors import TensorSpec
from bert_runtime.tokenizer_record import TokenizerRecord

_ONNX_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,121}[A-Za-z0-9])?\.onnx")
_AXIS = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TENSOR = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}")
_TASK = re.compile(r"[a-z][a-z0-9-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ANY = re.compile(r".*", re.DOTALL)
_MAX_INT32 = 2**31 - 1
_MAX_INT64 = 2**63 - 1


def read_manifest(record: Record) -> Manifest:
    """The manifest of a record, which is not closed; what is wrong is added to the record's problems."""
    record.choice("format", (FORMAT,))
    return Manifest(
        version=record.integer("version", OLDEST, VERSION),
        task=record.string("task", _TASK, "a task's name"),
        settings=_settings(record.record("settings")),
        sizes=_sizes(record.record("sizes")),
        tokenizer=_tokenizer(record.record("tokenizer")),
        artefacts=_artefacts(record),
        files=_files(record.record("files")),
        provenance=record.mapping("provenance"),
        verification=record.mapping("verification"),
        quality=record.mapping("quality") if record.has("quality") else None,
    )


def _settings(record: Record) -> HeadSettings:
    settings = HeadSettings(
        labels=record.strings("labels", _ANY, "a string") if record.has("labels") else (),
        problem_type=record.choice("problem_type", PROBLEM_TYPES) if record.has("problem_type") else None,
        pooling=record.choice("pooling", POOLINGS) if record.has("pooling") else None,
        normalize=record.boolean("normalize") if record.has("normalize") else None,
        activation=record.choice("activation", ACTIVATIONS) if record.has("activation") else None,
        prompts=_prompts(record.record("prompts")) if record.has("prompts") else {},
        default_prompt=record.string("default_prompt", _ANY, "a string") if record.has("default_prompt") else None,
    )
    record.close()
    return settings


def _prompts(record: Record) -> dict[str, str]:
    return {name: record.string(name, _ANY, "a string") for name in record.names()}


def _sizes(record: Record) -> dict[str, int]:
    names = [key for key in record.names() if _AXIS.fullmatch(key)]
    sizes = {name: record.integer(name, 1, _MAX_INT32) for name in names}
    record.problems += [
        Problem(
            "bad-name",
            record.path,
            f"{record.path}: the key {key!r:.60} is no axis name, expected lower-case letters, digits and underscores",
        )
        for key in record.names()
        if key not in sizes
    ]
    return sizes


def _tokenizer(record: Record) -> TokenizerRecord:
    tokenizer = TokenizerRecord(
        file=record.string("file", FILE_NAME, PLAIN_NAME),
        max_length=record.integer("max_length", 1, _MAX_INT32),
        pad_id=record.integer("pad_id", 0, _MAX_INT32),
        mask_id=record.integer("mask_id", 0, _MAX_INT32) if record.has("mask_id") else None,
        truncation_side=_truncation_side(record),
        pair_type_ids=_pair_type_ids(record),
        lower_case=record.boolean("lower_case") if record.has("lower_case") else False,
        special_tokens=_texts(record.record("special_tokens"), SPECIAL) if record.has("special_tokens") else {},
    )
    record.close()
    return tokenizer


def _texts(record: Record, names: Sequence[str]) -> dict[str, str]:
    """Texts under some of these names."""
    found = {name: record.string(name, _ANY, "a string") for name in names if record.has(name)}
    record.close()
    return found


def _truncation_side(record: Record) -> str:
    has_side = record.has("truncation_side")
    return record.choice("truncation_side", TRUNCATION_SIDES) if has_side else TRUNCATION_SIDES[0]


def _pair_type_ids(record: Record) -> tuple[int, int]:
    if not record.has("pair_type_ids"):
        return PAIR_TYPE_IDS[0]
    allowed = [list(types) for types in PAIR_TYPE_IDS]

    def fits(value: object) -> bool:
        return value in allowed and isinstance(value, list) and all(type(item) is int for item in value)

    first, second = record.value("pair_type_ids", fits, " or ".join(map(str, allowed)), allowed[0])
    return first, second


def _artefacts(record: Record) -> tuple[Artefact, ...]:
    before = len(record.problems)
    found = record.records("artefacts")
    artefacts = tuple(_artefact(item) for item in found[:MOST_ARTEFACTS])
    if len(found) > MOST_ARTEFACTS:
        record.problems.append(_too_many("artefacts", len(found), MOST_ARTEFACTS))
    if not artefacts and len(record.problems) == before:
        record.problems.append(
            Problem("empty", "artefacts", "artefacts is an empty list, expected at least one artefact")
        )
    return artefacts


def _artefact(record: Record) -> Artefact:
    own = _graph(record)
    artefact = Artefact(
        target=record.choice("target", tuple(BY_NAME)),
        precision=record.choice("precision", PRECISIONS),
        file=own.file,
        data=own.data,
        inputs=own.inputs,
        outputs=own.outputs,
        mask=record.choice("mask", MASKS),
        opset=record.integer("opset", 1, 1000),
        plain=record.boolean("plain"),
        cross_kv_graph=_second(record.record("cross_kv_graph")) if record.has("cross_kv_graph") else None,
        sequence_packing=_second(record.record("sequence_packing")) if record.has("sequence_packing") else None,
    )
    record.close()
    return artefact


def _second(record: Record) -> Graph:
    graph = _graph(record)
    record.close()
    return graph


def _graph(record: Record) -> Graph:
    """The fields that an artefact and its other graphs have in common."""
    return Graph(
        file=record.string("file", _ONNX_NAME, f"{PLAIN_NAME}, ending in .onnx"),
        data=record.strings("data", FILE_NAME, PLAIN_NAME),
        inputs=tuple(_tensor(item) for item in record.records("inputs")),
        outputs=tuple(_tensor(item) for item in record.records("outputs")),
    )


def _tensor(record: Record) -> TensorSpec:
    tensor = TensorSpec(
        name=record.string("name", _TENSOR, "a tensor's name"),
        dtype=record.choice("dtype", DTYPES),
        axes=record.strings("axes", _AXIS, "an axis name: lower-case letters, digits and underscores"),
    )
    record.close()
    return tensor


def _files(record: Record) -> dict[str, FileRecord]:
    files: dict[str, FileRecord] = {}
    names = record.names()
    if len(names) > MOST_FILES:
        record.problems.append(_too_many(record.path, len(names), MOST_FILES))
        names = ()  # else every one of them would be looked for
    for name in names:
        if not FILE_NAME.fullmatch(name):
            record.problems.append(
                Problem(
                    "bad-name",
                    record.path,
                    f"{record.path}: the key {name!r:.60} is no plain name, expected {PLAIN_NAME}",
                )
            )
            continue
        item = record.record(name)
        files[name] = FileRecord(
            size=item.integer("size", 0, _MAX_INT64),
            sha256=item.string("sha256", _SHA256, "64 lower-case hexadecimal digits"),
        )
        item.close()
    return files


def _too_many(field: str, count: int, most: int) -> Problem:
    return Problem("too-large", field, f"{field} has {count} entries, expected at most {most}")
