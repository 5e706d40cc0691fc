"""C++ asks a bundle its canaries, and agrees with Python on which answers are the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.bundles import with_canaries
from tests.cpp.conftest import Run
from tests.cpp.test_bert_run import GOLDEN

from bert_runtime import bundle as bundles
from bert_runtime.canaries import Canary
from bert_runtime.canaries_json import render
from bert_runtime.loading import load
from bert_runtime.record_writers import to_json

REQUESTS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "text-classification": ({"text": "A film."}, {"text": ""}, {"text": "Zoë 東京 🎬"}),
    "question-answering": ({"question": "Who?", "context": "The film was good."},),
    "token-classification": ({"text": "the film of the year"}, {"text": "Zoë"}),
    "feature-extraction": ({"text": "A good film"},),
    "text-generation": ({"prompt": "the", "max_new_tokens": 3},),
}


def canaries_of(head: str) -> list[Canary]:
    """What Python answers."""
    found = []
    with load(GOLDEN / head) as session:
        for request in REQUESTS[head]:
            answer = to_json(session(dict(request)))
            assert isinstance(answer, dict)
            found.append(Canary(dict(request), answer))
    return found


def bundle_of(head: str, canaries: list[Canary], path: Path) -> Path:
    held = {artefact.target: artefact for artefact in bundles.read(GOLDEN / head).manifest.artefacts}
    stated = [
        {"target": name, "precision": each.precision, "same_answers": len(canaries), "max_difference": 1e-4}
        for name, each in held.items()
    ]
    return with_canaries(GOLDEN / head, path, render(canaries), *stated)


@pytest.mark.parametrize("head", REQUESTS)
def test_what_python_answered_is_the_same_answer(head: str, cpp: Run, tmp_path: Path) -> None:
    canaries = canaries_of(head)
    code, out, err = cpp(str(bundle_of(head, canaries, tmp_path / "bundle")), "--self-test")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, [line["holds"] for line in lines]) == (0, [True] * len(lines)), err
    assert lines
    assert lines[0]["verdict"] == f"answers as torch did: same answers {len(canaries)} of {len(canaries)}"


def test_another_answer_is_exit_code_1_and_counted(cpp: Run, tmp_path: Path) -> None:
    first, *others = canaries_of("text-classification")
    wrong: Any = json.loads(json.dumps(first.answer))
    wrong["labels"][0]["label"] = "another"
    path = bundle_of("text-classification", [Canary(first.request, wrong), *others], tmp_path / "bundle")
    code, out, _ = cpp(str(path), "--self-test")
    assert code == 1
    verdict = "does not answer as torch did: same answers 2 of 3; expected 3, as where it was exported"
    assert {json.loads(line)["verdict"] for line in out.splitlines()} == {verdict}


def test_a_bundle_without_canaries_is_told_in_pythons_words(cpp: Run) -> None:
    code, out, err = cpp(str(GOLDEN / "text-classification"), "--self-test")
    assert (code, out) == (2, "")
    assert "has no canaries.json, expected one; export it again" in err


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{}",
        b'{"version": 2, "cases": []}',
        b'{"version": 1, "cases": [{}]}',
        b'{"version": 1, "cases": [1]}',
        b"\xff",
    ],
)
def test_a_file_that_breaks_the_format_is_refused(cpp: Run, tmp_path: Path, content: bytes) -> None:
    path = with_canaries(GOLDEN / "text-classification", tmp_path / "bundle", content)
    code, _, err = cpp(str(path), "--self-test")
    assert code == 2
    assert "canaries.json" in err
