"""`bert_run` takes the flags of `bert-run`, writes the same lines and ends with the same exit code, for every head."""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cpp.conftest import Run
from tests.faults import without_values
from tests.spoilt import BEYOND, NOT_A_NUMBER, spoil

from bert_runtime.cli.files import SOME_SKIPPED
from bert_runtime.tasks import TASKS

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
TOLERANCE = 1e-5
"""Scores: the engine's sums differ in order with how rows are batched; texts, spans and labels are equal."""

HEADS = [task.name for task in TASKS]
BUNDLES = [
    *HEADS,
    "text-generation-from-source",
    "token-classification-by-mask",
    "text-classification-sequence-packing",
    "text-classification-tokenizer-settings",
]
"""The golden bundles: one of each head, a decoder that reads an encoder, whose requests bring the states, one with two
artefacts for one target, one with a graph for sequence packing, which the C++ runtime does not run, and one with all
the settings of a tokenizer."""

ELSEWHERE = (
    "bert-run: warning: the bundle holds only openvino; its openvino file runs on ONNX Runtime's CPU provider here, "
    "slower than `bert-export --target cpu` would make it\n"
)
"""What the C++ runtime says, which has no OpenVINO; in Python texts share rows there."""

BAD_LINES = [
    "",
    "   ",
    "[]",
    "{",
    '{"nothing": 1}',
    '{"text": 7}',
    '{"a": 1}}',
    "nul",
    '{"x": NaN}',
    '{"x": "\\ud800"}',
]
BAD_FLAGS = [
    ["--no-such-flag", "x"],
    ["--contextt", "x"],
    ["--treads=2", "--moed", "x"],
    ["--threads", "2.5"],
    ["--mode", "thruput"],
    ["--threads", "0"],
    ["--threads", "two"],
    ["--max-batch-size", "0", "--max-batch-tokens", "-1"],
    ["--max-padding", "-0.5"],
    ["--max-padding", "much"],
    ["--max-wait", "-1"],
    ["--max-wait", "soon"],
    ["--pad-to-multiple-of", "0"],
    ["--mode", "fast"],
    ["--target", "cuda"],
    ["--target"],
    ["--output", "x.jsonl"],
    ["--input", "missing.jsonl"],
    ["--input", "x.txt"],
    ["--errors", "skip"],
    ["--errors", "stop"],
    [],
]


def assert_close(left: Any, right: Any) -> None:
    """Equal values, numbers with a point within TOLERANCE, keys in the same order."""
    if isinstance(left, float) and isinstance(right, float):
        assert math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    elif isinstance(left, dict) and isinstance(right, dict):
        assert list(left) == list(right)
        for key in left.keys() - {"error"}:  # the words of each language; its code and field are the same
            assert_close(left[key], right[key])
    elif isinstance(left, list) and isinstance(right, list):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_close(one, other)
    else:
        assert left == right
        assert type(left) is type(right)


def assert_same_reports(ours: str, theirs: str) -> None:
    """The same lines are named, whatever the words of each language."""
    left, right = ours.splitlines(), theirs.splitlines()
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        assert _place(one) == _place(other)


def _place(line: str) -> str:
    found = re.match(r".* line \d+: ", line)
    return found[0] if found else line


def golden_requests(head: str) -> list[str]:
    """The head's golden requests and its task's examples, as lines."""
    cases = json.loads((GOLDEN / f"{head}.json").read_bytes())
    examples = next((task.examples for task in TASKS if task.name == head), ())
    return [json.dumps(request, ensure_ascii=False) for request in [*(case["request"] for case in cases), *examples]]


@pytest.mark.parametrize("head", BUNDLES)
def test_a_file_of_requests_gets_the_same_lines(head: str, cpp: Run, python: Run, tmp_path: Path) -> None:
    lines = golden_requests(head)
    path = tmp_path / "requests.jsonl"
    path.write_text("\n".join([*lines, *BAD_LINES, *lines]) + "\n", encoding="utf-8")
    arguments = [str(GOLDEN / head), "--input", str(path), "--errors", "skip", "--with-input"]
    ours, theirs = cpp(*arguments), python(*arguments)

    assert ours[0] == theirs[0] == SOME_SKIPPED
    assert_same_reports(ours[2].removeprefix(ELSEWHERE), theirs[2].removeprefix(ELSEWHERE))
    answers, expected = ours[1].splitlines(), theirs[1].splitlines()
    assert len(answers) == len(expected) == 2 * len(lines) + len(BAD_LINES)  # a blank line keeps its row
    for answer, line in zip(answers, expected, strict=True):
        assert_close(json.loads(answer), json.loads(line))


@pytest.mark.parametrize("head", BUNDLES)
def test_the_bytes_of_a_line_are_the_same_where_its_numbers_are(head: str, cpp: Run, python: Run) -> None:
    """One request runs alone in both languages, hence with the same sums."""
    line = golden_requests(head)[0]
    arguments = [str(GOLDEN / head), "--threads", "1", "--input", "-"]
    ours, theirs = cpp(*arguments, text=line), python(*arguments, text=line)

    assert ours[0] == theirs[0] == 0
    if json.loads(ours[1]) == json.loads(theirs[1]):
        assert ours[1] == theirs[1]
    assert_close(json.loads(ours[1]), json.loads(theirs[1]))


@pytest.mark.parametrize("head", BUNDLES)
def test_golden_requests_get_their_golden_answers(head: str, cpp: Run) -> None:
    cases = json.loads((GOLDEN / f"{head}.json").read_bytes())
    code, answers, _ = cpp(str(GOLDEN / head), "--input", "-", text="\n".join(json.dumps(c["request"]) for c in cases))

    assert code == 0
    for answer, case in zip(answers.splitlines(), cases, strict=True):
        assert_close(json.loads(answer), case["answer"])


def test_round_widths_change_no_answer(cpp: Run) -> None:
    lines = "".join(json.dumps({"text": "a good film " * n}) + "\n" for n in range(1, 9))
    arguments = [str(GOLDEN / "text-classification"), "--input", "-", "--threads", "1"]
    plain, rounded = (cpp(*arguments, *more, text=lines) for more in ((), ("--pad-to-multiple-of", "8")))
    for one, other in zip(plain[1].splitlines(), rounded[1].splitlines(), strict=True):
        assert_close(json.loads(one), json.loads(other))


@pytest.mark.parametrize("head", HEADS)
def test_flags_give_the_same_answer(head: str, cpp: Run, python: Run) -> None:
    arguments = [str(GOLDEN / head)]
    for name, value in json.loads(golden_requests(head)[0]).items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            arguments.append(flag if value else "--no-" + flag[2:])
        elif isinstance(value, list):
            arguments += [flag, *value]
        elif value is not None:
            arguments.append(f"{flag}={value}")
    ours, theirs = cpp(*arguments), python(*arguments)

    assert ours[0] == theirs[0] == 0
    assert_close(json.loads(ours[1]), json.loads(theirs[1]))


@pytest.mark.parametrize("head", BUNDLES)
def test_a_bundle_is_described_in_the_same_words(head: str, cpp: Run, python: Run) -> None:
    arguments = [str(GOLDEN / head), "--describe", "--json"]
    assert cpp(*arguments) == python(*arguments)


@pytest.mark.parametrize("flags", BAD_FLAGS, ids=" ".join)
def test_wrong_flags_end_with_the_same_code_and_words(flags: list[str], cpp: Run, python: Run) -> None:
    bundle = str(GOLDEN / "question-answering")
    request = (
        ["--question", "q", "--context", "c"] if flags and "--input" not in flags and "--output" not in flags else []
    )
    ours, theirs = cpp(bundle, *request, *flags), python(bundle, *request, *flags)

    assert ours[:2] == theirs[:2] == (2, "")
    if "a folder or a glob" in theirs[2]:  # C++ reads files of lines alone
        assert flags[1] in ours[2]
    elif "portable" not in theirs[2]:
        assert without_values(ours[2]) == without_values(theirs[2])


def test_requests_that_are_wrong_are_refused_in_the_same_words(cpp: Run, python: Run) -> None:
    bundle = str(GOLDEN / "text-classification")
    for flags in (
        ["--text", "a", "--top-k", "x"],
        ["--text", "a", "--top-k", "0", "--threshold", "1_0"],
        ["--text-pair", "b"],
    ):
        ours, theirs = cpp(bundle, *flags), python(bundle, *flags)
        assert ours[:2] == theirs[:2] == (2, "")
        assert ours[2].count("; ") == theirs[2].count("; "), "as many problems"


CSV = [
    'text,text_pair,top_k,note\n"A ""good"" film, again",,2,x\nA film.,The other.,,\n\n"two\nlines",,1,\n',
    "\ufefftext\r\nA film.\r\n",
    'text\n"not closed\n',
    'text,top_k\n"a"b,1\nshort\nfine,1\n',
    "text,text\na,b\n",
    "",
    "text\rold ends\rof lines\r",
]


@pytest.mark.parametrize("content", CSV, ids=range(len(CSV)))
@pytest.mark.parametrize("errors", ["skip", "fail"])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_csv_is_read_and_written_in_the_same_way(
    content: str, form: str, errors: str, cpp: Run, python: Run, tmp_path: Path
) -> None:
    path = tmp_path / "requests.csv"
    path.write_bytes(content.encode())
    outputs = []
    for name, run in (("cpp", cpp), ("python", python)):
        output = tmp_path / f"{name}.{form}"
        flags = ["--input", str(path), "--output", str(output), "--errors", errors, "--allow-extra", "--threads", "1"]
        code, _, told = run(str(GOLDEN / "text-classification"), *flags, "--with-input")
        outputs.append(
            (
                code,
                without_values(told.replace(f"{name}.{form}", "output")),
                _numbers_cut(output.read_text(encoding="utf-8")) if output.exists() else None,
            )
        )
    assert outputs[0] == outputs[1]


def _numbers_cut(text: str) -> str:
    """Numbers to five digits: rows of a batch are summed in another order than one alone."""

    return re.sub(r"\d\.\d{6,}(e-\d+)?", lambda found: f"{float(found[0]):.4f}", text)


def test_a_line_that_the_engine_cannot_answer_is_the_same_error(cpp: Run, python: Run, tmp_path: Path) -> None:
    bundle = spoil("text-classification", tmp_path / "bundle")
    path = tmp_path / "requests.jsonl"
    for texts, code in ((["a film", NOT_A_NUMBER, "bad", f"a {BEYOND}"], 3), ([NOT_A_NUMBER] * 3, 2), (["a"], 0)):
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        for errors in ("skip", "fail"):
            arguments = [str(bundle), "--input", str(path), "--errors", errors, "--threads", "1"]
            ours, theirs = cpp(*arguments), python(*arguments)
            assert ours[0] == theirs[0] == (code if errors == "skip" else min(code, 2))
            assert_same_reports(ours[2], theirs[2])
            assert _numbers_cut(ours[1]) == _numbers_cut(theirs[1])


def test_lines_of_a_pipe_are_answered_as_they_come(program: Callable[[str], Path]) -> None:
    command = [str(program("bert_run")), str(GOLDEN / "text-classification"), "--input", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for burst in (1, 1, 3, 1):  # each waits for its answers before the next is written
            process.stdin.write(b'{"text": "a film"}\n' * burst)
            process.stdin.flush()
            assert all(json.loads(process.stdout.readline())["labels"] for _ in range(burst))
        process.stdin.write(b'{"text": 5}\n{"te')  # ends the command while the pipe is open
        process.stdin.flush()
        assert process.wait(timeout=30) == 2
