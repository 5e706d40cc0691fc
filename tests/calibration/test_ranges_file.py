"""Ranges as a file: equal calibrations, equal bytes; and whose ranges they are."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import pytest
from tests.calibration.conftest import GetBaseline, requests_of

from bert_calibration.accuracy import Drop
from bert_calibration.errors import CalibrationError
from bert_calibration.held_out import digests
from bert_calibration.products import find_points
from bert_calibration.quantize import Evidence, calibrate
from bert_calibration.ranges import Range, Ranges
from bert_calibration.ranges_file import check_belongs, digest, load, save

RANGES = Ranges("smooth", "0" * 64, 40, {"a.b": Range(-1.25, 0.1, (0.5, 2.0), (1.0, 1.5)), "c": Range(0.0, 3.5)})


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    save(RANGES, tmp_path / "ranges.json")

    assert load(tmp_path / "ranges.json") == RANGES


def test_the_texts_that_calibrated_are_kept(tmp_path: Path) -> None:
    ranges = replace(RANGES, texts=frozenset({"0" * 16, "a" * 16}))
    save(ranges, tmp_path / "ranges.json")

    assert load(tmp_path / "ranges.json") == ranges


def test_a_text_is_told_again_without_its_padding_and_apart_from_another() -> None:
    ids, types = np.array([[5, 6, 0], [5, 7, 8]]), np.zeros((2, 3), np.int64)
    mask = np.array([[1, 1, 0], [1, 1, 1]])
    alone = [(ids[:1, :2], types[:1, :2], mask[:1, :2])]

    assert len(digests([(ids, types, mask)])) == 2
    assert digests(alone) < digests([(ids, types, mask)])
    assert digests([(ids, types + mask, mask)]).isdisjoint(digests([(ids, types, mask)]))


def test_the_same_calibration_twice_gives_the_same_bytes(baseline: GetBaseline, tmp_path: Path) -> None:
    found = baseline("fill-mask", "cpu")
    requests = requests_of(found, 32)
    for name in ("one", "other"):
        save(
            calibrate(found, Evidence(requests, (), lambda _one, _other: Drop("nothing", 0.0, 0.0, 0.0, 1)), "smooth"),
            tmp_path / name,
        )

    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def with_change(path: Path, change: dict[str, Any]) -> Path:
    save(RANGES, path)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version is the number 2, expected an integer of 1 to 1"),
        ({"method": "guess"}, "method is the string 'guess', expected one of minmax, percentile, entropy, smooth"),
        ({"graph": "x"}, "graph is the string 'x', expected a SHA-256 in hexadecimal"),
        ({"texts": ["x"]}, "texts[0] is the string 'x', expected 16 hexadecimal digits"),
        ({"requests": 0}, "requests is the number 0, expected an integer of 1"),
        (
            {"ranges": {"a": {"low": 1, "high": 2, "smooth": [], "token_smooth": []}}},
            "ranges.a.low is the number 1, expected a number up",
        ),
        (
            {"ranges": {"a": {"low": 0, "high": 2, "smooth": [0], "token_smooth": []}}},
            "ranges.a.smooth is a list, expected a list of posi",
        ),
        (
            {"ranges": {"a": {"low": 0, "high": True, "smooth": [], "token_smooth": []}}},
            "ranges.a.high is the boolean True, expected",
        ),
        ({"more": 1}, "more is no key of the format"),
    ],
)
def test_a_broken_file_is_refused_with_what_is_wrong(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=re.escape(message)):
        load(with_change(tmp_path / "ranges.json", change))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": NaN}', b"\xff"])
def test_bytes_that_are_no_such_file_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "ranges.json").write_bytes(content)

    with pytest.raises(CalibrationError, match=r"ranges\.json.*calibrate again"):
        load(tmp_path / "ranges.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"none\.json: No such file"):
        load(tmp_path / "none.json")


def test_ranges_of_another_graph_are_refused(baseline: GetBaseline) -> None:
    found = baseline("question-answering", "cpu")

    with pytest.raises(CalibrationError, match=r"belong to the graph with SHA-256 000000000000.*calibrate again"):
        check_belongs(RANGES, digest(found.path), find_points(ir.load(found.path)))


def test_ranges_that_do_not_fit_are_refused_site_by_site(baseline: GetBaseline) -> None:
    found = baseline("question-answering", "cpu")
    points = find_points(ir.load(found.path))
    ranges = Ranges("smooth", digest(found.path), 40, {points[0].name: Range(-1, 1, (1.0,))})

    with pytest.raises(CalibrationError) as refused:
        check_belongs(ranges, digest(found.path), points)

    assert f"{points[0].name} has 1 channels to smooth, expected 16" in str(refused.value)
    assert str(refused.value).count("no range for") == len(points) - 1
