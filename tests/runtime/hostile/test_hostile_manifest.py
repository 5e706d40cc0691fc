"""Every rule that the manifest alone can break, broken one at a time; C++ runs the same cases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bert_runtime import bundle
from bert_runtime.errors import BundleError

CASES = json.loads((Path(__file__).parents[2] / "cases" / "hostile_manifests.json").read_bytes())["cases"]


@pytest.mark.parametrize("case", CASES, ids=[f"rule {case['rule']}: {case['name']}" for case in CASES])
def test_each_broken_rule_has_its_own_error(case: dict[str, Any], good: Path, refused: Callable[[int], str]) -> None:
    path = good / "manifest.json"
    original = path.read_bytes().decode("utf-8")
    changed = _patched(original, case["patch"]) if "patch" in case else _replaced(original, case)
    path.write_bytes(changed.encode("utf-8"))

    assert case["error"] in refused(case["rule"])


def test_rule_04_a_manifest_in_another_encoding_is_refused(good: Path, refused: Callable[[int], str]) -> None:
    path = good / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"neither", "né".encode("latin-1")))

    assert "is no UTF-8 at byte" in refused(4)


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"7", b'"text"'])
def test_rule_05_a_manifest_that_is_no_object_is_refused(
    content: bytes, good: Path, refused: Callable[[int], str]
) -> None:
    (good / "manifest.json").write_bytes(content)

    assert "is no JSON" in refused(5)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, "two are for the target portable and the mask any, expected one; "),
        ({"mask": "right_padded", "precision": "fp16"}, "those for the target portable differ in more than mask and"),
        ({"mask": "right_padded", "plain": True}, "those for the target portable differ in more than mask and file"),
    ],
)
def test_rule_17_two_artefacts_that_no_call_could_choose_between_are_refused(
    changes: dict[str, Any],
    error: str,
    edit: Callable[[Callable[[dict[str, Any]], object]], None],
    refused: Callable[[int], str],
) -> None:
    edit(lambda manifest: manifest["artefacts"].append({**manifest["artefacts"][0], **changes}))

    assert error in refused(17)


def test_two_artefacts_that_differ_in_their_masks_are_taken(
    good: Path, edit: Callable[[Callable[[dict[str, Any]], object]], None]
) -> None:
    edit(lambda manifest: manifest["artefacts"].insert(0, {**manifest["artefacts"][0], "mask": "right_padded"}))

    held = bundle.read(good).manifest.by_target["portable"]
    assert (held.artefact.mask, held.right_padded and held.right_padded.mask) == ("any", "right_padded")


def test_all_problems_of_a_manifest_come_in_one_error(
    good: Path, edit: Callable[[Callable[[dict[str, Any]], object]], None]
) -> None:
    def change(manifest: dict[str, Any]) -> None:
        del manifest["task"]
        manifest["tokenizer"]["max_length"] = "long"
        manifest["artefacts"][0]["mask"] = 1
        manifest["files"]["../x"] = {}

    edit(change)
    with pytest.raises(BundleError) as caught:
        bundle.read(good)

    for field in ("task is missing", "tokenizer.max_length is", "artefacts[0].mask is", "'../x' is no plain name"):
        assert field in str(caught.value)


def test_a_flood_of_problems_is_cut_short(
    good: Path, edit: Callable[[Callable[[dict[str, Any]], object]], None]
) -> None:
    edit(lambda manifest: manifest["settings"].update(labels=[0] * 50_000))
    with pytest.raises(BundleError, match="and 49980 more problems") as caught:
        bundle.read(good)

    assert len(str(caught.value)) < 5000


def _replaced(text: str, case: dict[str, Any]) -> str:
    assert case["find"] in text
    return text.replace(case["find"], case["replace"], 1)


def _patched(text: str, patch: list[dict[str, Any]]) -> str:
    """RFC 6902 with the three operations that the cases use."""
    manifest = json.loads(text)
    for operation in patch:
        *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        target = manifest
        for part in parents:
            target = target[int(part)] if isinstance(target, list) else target[part]
        key = int(last) if isinstance(target, list) else last
        if operation["op"] == "remove":
            del target[key]
        elif operation["op"] == "add" and isinstance(target, list):
            target.insert(key, operation["value"])
        else:
            target[key] = operation["value"]
    return json.dumps(manifest)
