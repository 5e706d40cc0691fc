"""The manifest as bytes and back, and its agreement with bundle.schema.json."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest

from bert_runtime.errors import BundleError
from bert_runtime.manifest import Manifest
from bert_runtime.manifest_json import parse, render

ROOT = Path(__file__).parents[2]
CONTENT = (ROOT / "tests" / "golden" / "v1" / "text-classification" / "manifest.json").read_bytes()
WITH_SOURCE = (ROOT / "tests" / "golden" / "v1" / "text-generation-from-source" / "manifest.json").read_bytes()
SCHEMA = json.loads((ROOT / "runtime" / "bundle.schema.json").read_bytes())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
VALUES: list[Any] = [
    None,
    True,
    0,
    1,
    -1,
    2**31,
    2**63,
    0.5,
    "",
    "any",
    "fp16",
    "a b",
    "../x",
    [],
    ["labels"],
    {},
    {"x": 1},
]
ROUNDS = 600


@pytest.fixture
def manifest() -> Manifest:
    return parse(CONTENT)


def test_what_is_written_reads_back_equal(manifest: Manifest) -> None:
    assert parse(render(manifest)) == manifest


def test_equal_manifests_are_equal_bytes_whatever_the_order_of_their_keys(manifest: Manifest) -> None:
    reordered = dataclasses.replace(manifest, files=dict(reversed(list(manifest.files.items()))))

    assert list(reordered.files) != list(manifest.files)
    assert render(reordered) == render(manifest) == CONTENT


def test_a_manifest_with_the_graph_of_a_source_reads_back_equal() -> None:
    manifest = parse(WITH_SOURCE)

    assert [graph.file for graph in manifest.artefacts[1].graphs] == ["model.portable.onnx", "cross_kv.onnx"]
    assert render(manifest) == WITH_SOURCE


def test_labels_in_any_script_survive(manifest: Manifest) -> None:
    labels = ("schön", "良い", "👍\u200d\n\u2028\x00")
    settings = dataclasses.replace(manifest.settings, labels=labels)

    assert parse(render(dataclasses.replace(manifest, settings=settings))).settings.labels == labels


def test_settings_quality_and_mask_id_may_be_absent_or_null() -> None:
    record = json.loads(CONTENT)
    absent, null = copy.deepcopy(record), copy.deepcopy(record)
    del absent["quality"], absent["tokenizer"]["mask_id"], absent["settings"]["normalize"]
    null["quality"] = null["tokenizer"]["mask_id"] = null["settings"]["normalize"] = None

    assert parse(json.dumps(absent).encode()) == parse(json.dumps(null).encode())
    assert parse(json.dumps(absent).encode()).tokenizer.mask_id is None


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"bytes", "\ud800", {1: 1, "a": 2}])
def test_what_json_cannot_write_is_a_bundle_error(value: object, manifest: Manifest) -> None:
    with pytest.raises(BundleError, match="expected values that JSON can write"):
        render(dataclasses.replace(manifest, verification={"difference": value}))


def test_64_levels_are_read_and_65_are_not() -> None:
    def nested(levels: int) -> bytes:
        lists = "[" * (levels - 2) + "]" * (levels - 2)
        return CONTENT.replace(b'"verification": {', f'"verification": {{"a": {lists},'.encode())

    assert parse(nested(64))
    with pytest.raises(BundleError, match="is nested too deep"):
        parse(nested(65))


def test_the_schema_is_a_schema_and_accepts_the_golden_manifest() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    VALIDATOR.validate(json.loads(CONTENT))
    VALIDATOR.validate(json.loads(WITH_SOURCE))


@pytest.mark.parametrize("content", [CONTENT, WITH_SOURCE], ids=["text-classification", "from a source"])
def test_the_schema_and_the_reader_agree_on_random_changes(content: bytes) -> None:
    chance = random.Random(0)
    verdicts = {True: 0, False: 0}
    for _ in range(ROUNDS):
        record = json.loads(content)
        _change(record, chance)
        valid = VALIDATOR.is_valid(record)
        verdicts[valid] += 1
        assert valid == _shape_is_right(record), json.dumps(record)
    assert min(verdicts.values()) > ROUNDS / 10


def _shape_is_right(record: dict[str, Any]) -> bool:
    """Whether the reader's rules 10 to 14 hold; 15 to 18 are beyond a schema."""
    try:
        parse(json.dumps(record).encode())
    except BundleError as error:
        beyond = ("which is not listed", "at most in case", "two are for", "two tensors", "twice, expected")
        return any(words in str(error) for words in beyond)
    return True


def _change(record: dict[str, Any], chance: random.Random) -> None:
    """Replace, remove or add one value somewhere."""
    target: Any = record
    while True:
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        if not keys:
            break
        key = chance.choice(keys)
        if isinstance(target[key], dict | list) and chance.random() < 0.8:
            target = target[key]
            continue
        if chance.random() < 0.3:
            del target[key]
        else:
            target[key] = chance.choice(VALUES)
        return
    if isinstance(target, dict):
        target[chance.choice(["labels", "x", "A b"])] = chance.choice(VALUES)
    else:
        target.append(chance.choice(VALUES))
