"""Canaries: what a bundle says of its own answers is read with every check, and a session is held to it."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.bundles import with_canaries

import bert_runtime
from bert_runtime import bundle as bundles
from bert_runtime.canaries import KEPT, Agreement, Bound, Canary, Sample, agreement, bound_of, says_the_same
from bert_runtime.canaries_json import NAME, bounds_of, read, render
from bert_runtime.cli.doctor import main as doctor
from bert_runtime.errors import BackendError, BundleError, InputError
from bert_runtime.loading import load
from bert_runtime.record_writers import to_json

TEXTS = ("A warm, funny film.", "Worst. Update. Ever.", "")
EXACT: Mapping[str, Any] = {"target": "portable", "precision": "fp32", "same_answers": 3, "max_difference": 1e-4}
untyped_load: Any = load


def canaries_of(path: Path) -> tuple[Canary, ...]:
    """What the bundle itself answers: the tests below change it, or the bundle."""
    found = []
    with load(path) as session:
        for text in TEXTS:
            request = {"text": text}
            prepared = session.prepare(request)
            rows = tuple(
                {name: Sample.of(output) for name, output in row.items()}
                for row in session.run_rows(prepared.encoded.features)
            )
            answer = to_json(session(request))
            assert isinstance(answer, dict)
            found.append(Canary(request, answer, rows))
    return tuple(found)


@pytest.fixture(scope="module")
def canaries(classification: Path) -> tuple[Canary, ...]:
    return canaries_of(classification)


@pytest.fixture
def honest(classification: Path, canaries: tuple[Canary, ...], tmp_path: Path) -> Path:
    targets = {artefact.target for artefact in bundles.read(classification).manifest.artefacts}
    stated = [{**EXACT, "target": target} for target in targets]
    return with_canaries(classification, tmp_path / "honest", render(canaries), *stated)


def shifted(canaries: tuple[Canary, ...], by: float) -> tuple[Canary, ...]:
    rows = [
        tuple({name: Sample(each.shape, each.values + np.float32(by)) for name, each in row.items()} for row in own)
        for own in (canary.outputs for canary in canaries)
    ]
    return tuple(dataclasses.replace(canary, outputs=own) for canary, own in zip(canaries, rows, strict=True))


def test_what_is_written_is_read_again_bit_for_bit(honest: Path, canaries: tuple[Canary, ...]) -> None:
    assert render(read(bundles.read(honest))) == render(canaries)


def test_a_session_that_answers_so_is_loaded(honest: Path, canaries: tuple[Canary, ...]) -> None:
    with load(honest, verify="canaries") as session:
        found = agreement(session, canaries)
    assert (found.cases, found.same_answers) == (3, 3)
    assert found.max_difference <= 1e-5


def test_outputs_that_moved_are_a_backend_error_with_both_figures(
    classification: Path, canaries: tuple[Canary, ...], honest: Path, tmp_path: Path
) -> None:
    manifest = bundles.read(honest).manifest
    moved = with_canaries(
        classification, tmp_path / "moved", render(shifted(canaries, 0.5)), *manifest.verification["canaries"]
    )
    with pytest.raises(BackendError, match=r"as torch did: largest difference 5\.0e-01, same answers 3 "):
        load(moved, verify="canaries")
    load(moved).close()  # nobody asked


def test_another_label_is_another_answer_whatever_the_outputs(
    classification: Path, canaries: tuple[Canary, ...], honest: Path, tmp_path: Path
) -> None:
    first = canaries[0]
    wrong = json.loads(json.dumps(first.answer))
    wrong["labels"][0]["label"] = "another"
    changed = (dataclasses.replace(first, answer=wrong), *canaries[1:])
    manifest = bundles.read(honest).manifest
    path = with_canaries(classification, tmp_path / "other", render(changed), *manifest.verification["canaries"])
    with pytest.raises(BackendError, match="same answers 2 of 3; expected 3 of 3"):
        load(path, verify="canaries")


def test_a_bundle_without_canaries_cannot_be_verified(classification: Path) -> None:
    with pytest.raises(BundleError, match=f"has no {NAME}, expected one; export it again"):
        load(classification, verify="canaries")


def test_another_way_to_verify_is_refused(classification: Path) -> None:
    with pytest.raises(InputError, match="verify is 'all'"):
        untyped_load(classification, verify="all")


def test_the_doctor_says_how_every_artefact_answers(
    honest: Path, canaries: tuple[Canary, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor([str(honest)]) in (0, 1)  # the machine itself may have faults
    assert "answers as torch did: largest difference" in " ".join(capsys.readouterr().out.split())
    manifest = bundles.read(honest).manifest
    moved = with_canaries(
        honest, tmp_path / "moved", render(shifted(canaries, 0.5)), *manifest.verification["canaries"]
    )
    assert doctor([str(moved), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    asked = [each for each in report["canaries"] if each["holds"] is not None]
    assert asked
    assert all(each["holds"] is False and each["max_difference"] == pytest.approx(0.5, abs=1e-4) for each in asked)
    assert sum("does not answer as torch did" in finding["what"] for finding in report["findings"]) == len(asked)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"score": 0.25}, {"score": 0.75}, True),
        ({"score": 0.25}, {"score": 1}, False),
        ({"a": "x"}, {"a": "x", "new": 1}, True),
        ({"a": "x"}, {"b": "x"}, False),
        ({"start": 3}, {"start": 4}, False),
        ([{"label": "A"}, {"label": "B"}], [{"label": "B"}, {"label": "A"}], False),
        ([1.0, 2.0], [1.5, 2.5], True),
        ([1.0], [1.0, 2.0], False),
        ({"answer": None}, {"answer": ""}, False),
        ({"flag": True}, {"flag": 1}, False),
    ],
)
def test_the_same_answer_may_differ_in_floating_point_numbers_alone(one: Any, other: Any, same: bool) -> None:
    assert says_the_same(one, other) is same


def test_a_sample_of_a_large_output_sees_a_change_at_its_numbers_alone() -> None:
    output = np.arange(10 * KEPT, dtype=np.float32).reshape(10, KEPT)
    sample = Sample.of(output)
    assert len(sample.values) == KEPT
    assert sample.difference(output) == 0
    changed = output.copy()
    changed[0, 0] += 2
    assert sample.difference(changed) == 2
    assert sample.difference(output.T.copy()) == math.inf
    changed[0, 0] = np.nan
    assert sample.difference(changed) == math.inf


def test_two_artefacts_of_a_target_share_the_wider_bound() -> None:
    bounds = [Bound("cuda", "fp16", 6, 0.1), Bound("cpu", "fp32", 6, 1e-4), Bound("cuda", "fp16", 5, 0.05)]
    assert bound_of(bounds, "cuda") == Bound("cuda", "fp16", 5, 0.1)
    assert bound_of(bounds, "openvino") is None
    assert not Bound("cpu", "fp32", 6, 1e-4).holds(Agreement(6, 6, math.inf))


def test_a_bound_below_all_answers_is_not_called_torchs() -> None:
    bound = Bound("cpu", "int8", 4, 0.5)
    assert bound.verdict(Agreement(6, 6, 0.1)).startswith("answers as torch did: largest difference 1.0e-01")
    assert bound.verdict(Agreement(6, 4, 0.1)).startswith("answers as where it was exported: ")
    assert bound.verdict(Agreement(6, 3, 0.1)).startswith("does not answer as torch did: ")


def packed(numbers: bytes) -> str:
    return base64.b64encode(zlib.compress(numbers)).decode()


def cases(**changes: Any) -> dict[str, Any]:
    row = {"logits": {"shape": [3], "values": packed(bytes(12))}}
    return {"version": 1, "cases": [{"request": {"text": ""}, "answer": {}, "outputs": [row], **changes}]}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([], "the whole is a list, expected an object"),
        ({"version": 2, "cases": []}, "version is the number 2, expected an integer of 1 to 1"),
        ({"version": 1}, "cases is missing, expected a list of objects"),
        ({"version": 1, "cases": [{}] * 65}, "cases has 65 entries, expected 64 at most"),
        ({"version": 1, "cases": [], "more": 1}, "more is no key of the format"),
        (cases(request=1), r"cases\[0\].request is the number 1, expected an object"),
        (cases(outputs=[{"logits": {"shape": [3], "values": "????"}}]), "expected base64"),
        (cases(outputs=[{"logits": {"shape": [3], "values": "AAAA"}}]), "is not the compressed numbers"),
        (cases(outputs=[{"logits": {"shape": [4], "values": packed(bytes(12))}}]), "is not the compressed numbers"),
        (cases(outputs=[{"logits": {"shape": [3], "values": packed(bytes(2**24))}}]), "is not the compressed numbers"),
        (cases(outputs=[{"logits": {"shape": [2**20] * 4, "values": packed(b"")}}]), "is not the compressed numbers"),
        (cases(outputs=[{"logits": {"shape": [-1], "values": ""}}]), "expected a list of sizes"),
        (cases(outputs=[{"logits": {"shape": [True], "values": ""}}]), "expected a list of sizes"),
    ],
)
def test_a_file_that_breaks_the_format_is_refused(
    classification: Path, tmp_path: Path, content: Any, told: str
) -> None:
    path = with_canaries(classification, tmp_path / "bundle", json.dumps(content).encode())
    with pytest.raises(BundleError, match=told):
        read(bundles.read(path))


def test_a_file_that_is_too_large_is_not_read(classification: Path, tmp_path: Path) -> None:
    path = with_canaries(classification, tmp_path / "bundle", b" " * (4 * 2**20 + 1))
    with pytest.raises(BundleError, match=f"{NAME}: has more than 4194304 bytes"):
        read(bundles.read(path))


@pytest.mark.parametrize(
    "stated", [{**EXACT, "same_answers": "3"}, {**EXACT, "max_difference": None}, {"target": "cpu"}]
)
def test_a_bound_that_breaks_the_format_is_refused(
    classification: Path, canaries: tuple[Canary, ...], tmp_path: Path, stated: Mapping[str, Any]
) -> None:
    path = with_canaries(classification, tmp_path / "bundle", render(canaries), stated)
    with pytest.raises(BundleError, match=r"verification.canaries\[0\]"):
        bounds_of(bundles.read(path))


def test_every_request_of_a_batch_is_held_to_its_own_answer(honest: Path, canaries: tuple[Canary, ...]) -> None:
    with load(honest, options=bert_runtime.Options(mode="throughput", threads=1)) as session:
        assert agreement(session, canaries[::-1]).same_answers == 3
        swapped = tuple(
            dataclasses.replace(canary, answer=other.answer)
            for canary, other in zip(canaries, canaries[::-1], strict=True)
        )
        different = sum(not says_the_same(a.answer, b.answer) for a, b in zip(canaries, canaries[::-1], strict=True))
        assert agreement(session, swapped).same_answers == 3 - different
