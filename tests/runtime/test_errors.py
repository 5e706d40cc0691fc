"""Programs go by the code and the field of a problem; its words are for people."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest

import bert_runtime
from bert_runtime import BackendError, BundleError, InputError
from bert_runtime.errors import UNKNOWN, Problem, prefixed, within

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "cases"
GOLDEN = ROOT / "tests" / "golden" / "v1"
CODE = re.compile(r"[a-z]+(-[a-z0-9]+)*")


def test_every_problem_of_a_request_has_a_code_and_names_its_field() -> None:
    with bert_runtime.load(GOLDEN / "text-classification") as session, pytest.raises(InputError) as caught:
        session({"text": 5, "top_k": "x", "more": 1})
    assert [(each.code, each.field) for each in caught.value.faults] == [
        ("unknown-field", "more"),
        ("wrong-type", "text"),
        ("wrong-type", "top_k"),
    ]
    assert (caught.value.code, caught.value.field) == ("unknown-field", "more")
    assert list(caught.value.problems) == list(caught.value.faults)
    assert {type(each) for each in caught.value.problems} == {str}


def test_a_broken_bundle_says_which_file_breaks_which_rule(tmp_path: Path) -> None:
    for path in (GOLDEN / "text-classification").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(BundleError) as caught:
        bert_runtime.load(tmp_path)
    assert sorted((each.code, each.field) for each in caught.value.faults) == [
        ("missing-file", "tokenizer.json"),
        ("wrong-size", "model.onnx"),
    ]


def test_a_problem_is_its_sentence_and_keeps_its_code_on_its_way() -> None:
    problem = Problem("too-long", "text", "text is long")
    assert problem == "text is long"
    assert f"{problem}; cut it" == "text is long; cut it"
    inner = BundleError(problem)
    outer = within(f"a.json: {inner}", inner)
    assert (outer.code, outer.field, str(outer)) == ("too-long", "text", "a.json: text is long")
    again = prefixed("line 1: ", problem)
    assert (again.code, again.field, str(again)) == ("too-long", "text", "line 1: text is long")
    copied = pickle.loads(pickle.dumps(problem))
    assert (copied.code, copied.field, copied) == (problem.code, problem.field, problem)


def test_an_error_without_a_rule_has_the_code_of_its_class() -> None:
    assert [error("broken").code for error in (InputError, BackendError, BundleError)] == [UNKNOWN, "engine", UNKNOWN]
    assert InputError(["a", Problem("empty", "b", "c")]).at(3).faults[1].code == "empty"


def test_the_shared_cases_name_a_rule_each() -> None:
    found = []
    for path in sorted(CASES.glob("*.json")):
        content = json.loads(path.read_text("utf-8"))
        cases = content.get("cases", []) if isinstance(content, dict) else []
        errors = [case["error"] for case in cases if isinstance(case.get("error"), dict)]
        found += [tuple(fault) for error in errors for fault in error["faults"]]
    assert len(found) > 25
    assert not [code for code, _ in found if code == UNKNOWN or not CODE.fullmatch(code)]
