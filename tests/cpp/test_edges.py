"""Streams, signals, output files and unfit input: `bert_run` ends as `bert-run` does, in the same words."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cpp.conftest import Run
from tests.faults import without_values

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "v1"
BUNDLE = str(GOLDEN / "text-classification")
LANGUAGES = ("cpp", "python")


@pytest.fixture(params=LANGUAGES)
def command(request: pytest.FixtureRequest, program: Callable[[str], Path]) -> list[str]:
    """The command of one language, as a process of its own."""
    return [str(program("bert_run"))] if request.param == "cpp" else [sys.executable, "-m", "bert_runtime.cli"]


IN_PYTHON = ", and --text-column or --column passes them on"
"""What Python's command says beyond that in C++, which has no such flags."""


def assert_same(ours: tuple[int, str, str], theirs: tuple[int, str, str]) -> None:
    """The same end, and the same words but for the values in them."""
    assert (*ours[:2], without_values(ours[2])) == (*theirs[:2], without_values(theirs[2].replace(IN_PYTHON, "")))


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "runtime"), "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize(
    ("arguments", "redirect", "stream", "reason"),
    [
        (("--text", "a"), "> /dev/full", "standard output", "No space left on device; free some space, or write"),
        (("--text", "a"), ">&-", "standard output", "it is closed; open it, or name a file"),
        (("--help",), "> /dev/full", "standard output", "No space left on device"),
        (("--input", "-"), "<&-", "standard input", "it is closed; open it, or name a file"),
        (("--input", "in.jsonl", "--output", "/dev/full", "--output-format", "jsonl"), "", "/dev/full", "No space"),
    ],
)
def test_a_stream_that_cannot_be_used_is_named_with_exit_code_2(
    command: list[str], arguments: tuple[str, ...], redirect: str, stream: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n')
    line = ["bash", "-c", f'"$@" {redirect}', "bash", *command, BUNDLE, *arguments]
    done = subprocess.run(line, capture_output=True, check=False, env=environment(), text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"bert-run: {stream}: {reason}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("redirect", ["2>&-", "<&-", "<&- 2> /dev/full"])
def test_an_answer_needs_no_other_stream(command: list[str], redirect: str) -> None:
    line = ["bash", "-c", f'"$@" {redirect}', "bash", *command, BUNDLE, "--text", "a"]
    done = subprocess.run(line, capture_output=True, check=False, env=environment(), text=True)
    assert (done.returncode, "labels" in json.loads(done.stdout), done.stderr) == (0, True, "")


def test_a_reader_that_has_gone_is_141_without_a_word(command: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    line = [*command, BUNDLE, "--text", "a"]
    done = subprocess.run(line, stdout=writer, stderr=subprocess.PIPE, check=False, env=environment())
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_keeps_what_was_answered(command: list[str], number: signal.Signals, tmp_path: Path) -> None:
    growing, part = tmp_path / ".out.jsonl.1.part", tmp_path / "out.jsonl.part"
    line = [*command, BUNDLE, "--input", "-", "--output", str(tmp_path / "out.jsonl")]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment())
    assert process.stdin is not None
    process.stdin.write(b'{"text": "a"}\n' * 600)
    process.stdin.flush()
    while not (growing.exists() and growing.stat().st_size) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    assert process.stderr is not None
    err = process.stderr.read().decode()
    process.stdin.close()
    word = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
    assert (process.wait(), err) == (
        128 + number,
        f"bert-run: {word}\nbert-run: what was answered before is in {part}\n",
    )
    assert not growing.exists()
    assert all("labels" in json.loads(answer) for answer in part.read_text().splitlines())


def test_two_processes_with_one_output_each_write_a_whole_file(command: list[str], tmp_path: Path) -> None:
    """Whoever ends last is seen; both say that they are done, as both wrote what they had to."""
    output = tmp_path / "out.jsonl"
    running = []
    for name, count in (("one", 700), ("two", 900)):
        (tmp_path / name).write_text('{"text": "a"}\n' * count)
        line = [*command, BUNDLE, "--input", str(tmp_path / name), "--input-format", "jsonl", "--output", str(output)]
        running.append(subprocess.Popen(line, env=environment()))
    assert [process.wait() for process in running] == [0, 0]
    answers = [json.loads(answer) for answer in output.read_text().splitlines()]
    assert len(answers) in (700, 900)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "out.jsonl", "two"]


def test_what_a_killed_process_left_is_gone_after_the_next(command: list[str], tmp_path: Path) -> None:
    left, output = tmp_path / ".out.jsonl.1.part", tmp_path / "out.jsonl"
    left.write_text("half a li")
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n')
    line = [*command, BUNDLE, "--input", str(tmp_path / "in.jsonl"), "--output", str(output)]
    assert subprocess.run(line, check=False, env=environment()).returncode == 0
    assert "labels" in json.loads(output.read_text())
    assert not left.exists()


UNFIT: dict[str, tuple[str, bytes, str]] = {
    "utf-16": (
        "in.jsonl",
        '{"text": "a"}\n'.encode("utf-16"),
        "the file is in UTF-16, expected UTF-8; convert it with",
    ),
    "utf-16 csv": ("in.csv", "text\na\n".encode("utf-16"), "the file is in UTF-16, expected UTF-8"),
    "gzip": ("in.jsonl", b"\x1f\x8b\x08\x00\n", "the file is compressed by gzip, expected text; unpack it"),
    "zip": ("in.csv", b"PK\x03\x04\n", "the file is a zip archive or a spreadsheet"),
    "nul": ("in.jsonl", b'{"text": "\0"}\n', "line 1: byte 11 of the line is NUL, expected text"),
    "nul csv": ("in.csv", b"text\n\0\n", "line 2: text holds a NUL byte, expected text"),
    "latin": ("in.jsonl", b'{"text": "\xe9"}\n', "line 1: byte 11 of the line is not UTF-8; save the file as UTF-8"),
    "long": ("in.jsonl", b'{"text": "' + b"a" * 2**24 + b'"}\n{}\n', "line 1: longer than 16777216 bytes"),
    "endless": ("in.jsonl", b"a" * (2**24 + 10), "line 1: longer than 16777216 bytes, expected one JSON object a line"),
    "long csv": ("in.csv", b"text\n" + b"a," * 2**24, "line 2: not CSV: a line is longer than 16777216 characters"),
    "header": (
        "in.csv",
        b"id,txet\n1,a\n",
        "line 1: the column 'text' is missing; add it, or give --text for every line; line 1: unknown: the columns "
        "'id', 'txet' (did you mean text?); the fields are text, text_pair, top_k, threshold",
    ),
    "id": ("in.csv", b"id,text\n1,a\n", "--allow-extra leaves other columns alone"),
    "doubled": ("in.csv", b"text,text\na,b\n", "line 1: the column 'text' stands there twice"),
    "id json": ("in.jsonl", b'{"id": 1, "text": "a"}\n', "--allow-extra leaves other fields alone"),
}


READ_IN_PYTHON = {"utf-16", "utf-16 csv"}


@pytest.mark.parametrize("case", UNFIT)
def test_unfit_input_is_named_in_the_same_words_and_leaves_no_file(
    case: str, cpp: Run, python: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, content, message = UNFIT[case]
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(content)
    arguments = (BUNDLE, "--input", name, "--output", "out.csv", "--with-input")  # in Python, plain CSV is flat
    ours, theirs = cpp(*arguments), python(*arguments)
    if case in READ_IN_PYTHON:
        assert (message in ours[2], theirs[0]) == (True, 0)
        return
    assert message in theirs[2]
    assert_same(ours, theirs)
    assert (theirs[0], len(theirs[2].splitlines())) == (2, 1)
    assert theirs[2].startswith(f"bert-run: {name}")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_unfit_pipe_is_named(cpp: Run, python: Run) -> None:
    ours, theirs = (run(BUNDLE, "--input", "-", text="PK\x03\x04\n") for run in (cpp, python))
    assert ours == theirs
    assert theirs[2].startswith("bert-run: standard input: the file is a zip archive")


def test_a_score_that_is_not_finite_is_its_own_lines_error(cpp: Run, python: Run) -> None:
    fields = {"prompt": "the", "num_beams": 2, "max_new_tokens": 4}
    text = "".join(json.dumps({**fields, "length_penalty": penalty}) + "\n" for penalty in (1, -400.5, -1e300, 1e300))
    for run in (cpp, python):
        code, out, _ = run(str(GOLDEN / "text-generation"), "--input", "-", "--errors", "skip", text=text)
        lines = [json.loads(line) for line in out.splitlines()]
        assert code == 3
        assert [line.get("line") for line in lines] == [None, 2, 3, None]
        assert lines[1]["error"] == (
            "length_penalty is -400.5, expected a number nearer to 0: the score of 4 tokens is not finite with it"
        )


def test_csv_on_a_pipe_is_guessed_at(cpp: Run, python: Run) -> None:
    arguments = (BUNDLE, "--input", "-")
    ours, theirs = cpp(*arguments, text="text\na\n"), python(*arguments, text="text\na\n")
    assert ours == theirs
    assert theirs[2].endswith("; for CSV add --input-format csv\n")
    assert cpp(*arguments, "--input-format", "csv", text="text\na\n")[0] == 0


def test_after_a_line_that_is_too_long_the_next_one_is_read(cpp: Run, python: Run, tmp_path: Path) -> None:
    for name, content in (("in.jsonl", b'{"text": "%s"}\n{"text": "b"}\n'), ("in.csv", b"text\n%s\nb\n")):
        path = tmp_path / name
        path.write_bytes(content % (b"a" * (2**24 + 1)))
        for run in (cpp, python):
            flags = ("--errors", "skip", "--output-format", "jsonl", "--with-input")
            code, out, _ = run(BUNDLE, "--input", str(path), *flags)
            first, second = map(json.loads, out.splitlines())
            assert (code, "longer than" in first["error"], "labels" in second) == (3, True, True)


@pytest.mark.parametrize("choices", [('["a","bad film"]',), ("a", "bad film"), ("a", "--choices", "bad film")])
def test_choices_are_words_or_json_or_repeated(choices: tuple[str, ...], cpp: Run, python: Run) -> None:
    arguments = (str(GOLDEN / "multiple-choice"), "--prompt", "the", "--threads", "1", "--choices", *choices)
    expected = python(str(GOLDEN / "multiple-choice"), "--prompt", "the", "--choices", "a", "bad film")
    for run in (cpp, python):
        code, out, _ = run(*arguments)
        assert (code, json.loads(out)["text"]) == (0, json.loads(expected[1])["text"])


WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing": ((), "bert-run DIR [flags]; bert-run --help lists the flags by task"),
    "no directory": (("none", "--text", "a"), "none: does not exist, expected the directory of a bundle"),
    "a file": (("config.json", "--text", "a"), "config.json: is no directory, expected the directory of a bundle"),
    "a checkpoint": ((".", "--text", "a"), "a checkpoint, expected a bundle; make one first: `bert-export --model /"),
    "a target": (
        (BUNDLE, "--text", "a", "--target", "portabel"),
        "expected one of auto, cpu, cuda, openvino, portable, tensorrt (did you mean portable?)",
    ),
    "no target": (
        (BUNDLE, "--text", "a", "--target", "tpu"),
        "argument --target: got 'tpu', expected one of auto, cpu",
    ),
    "many threads": ((BUNDLE, "--text", "a", "--threads", "100000"), "threads is 100000, expected 1 to 1024"),
    "no threads": ((BUNDLE, "--text", "a", "--threads", "0"), "threads is 0, expected 1 to 1024"),
    "half a thread": ((BUNDLE, "--text", "a", "--threads", "2.5"), "got '2.5', expected a whole number"),
    "a flag": ((BUNDLE, "--txet", "a"), "unknown: --txet (did you mean --text?); text-classification takes --text ["),
    "another task's": (
        (str(GOLDEN / "question-answering"), "--text", "a"),
        "; question-answering takes --question --context [--top-k]",
    ),
    "its own file": ((BUNDLE, "--input", "x.jsonl", "--output", "x.jsonl"), "--input and --output would both use"),
    "escapes": (("a\x1b[31mb\u202e", "--text", "a"), "a\\x1b[31mb\\u202e: does not exist"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_commands_are_explained_in_the_same_line(
    case: str, cpp: Run, python: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, message = WRONG[case]
    monkeypatch.chdir(tmp_path)
    for name in ("config.json", "x.jsonl"):
        Path(name).write_text("{}")
    ours, theirs = cpp(*arguments), python(*arguments)
    assert (theirs[0], theirs[1], len(theirs[2].splitlines())) == (2, "", 1)
    assert message in theirs[2]
    assert_same(ours, theirs)


@pytest.mark.parametrize("arguments", [("--help",), (BUNDLE, "--help"), (BUNDLE, "--describe")])
def test_what_people_read_keeps_within_80_columns(arguments: tuple[str, ...], cpp: Run, python: Run) -> None:
    runs = (python,) if "--describe" in arguments else (python, cpp)  # in C++ all that is no help is JSON
    for run in runs:
        code, out, _ = run(*arguments)
        assert (code, [line for line in out.splitlines() if len(line) > 80]) == (0, [])


@pytest.mark.parametrize("name", ["in.tsv", "in.parquet", "in.arrow"])
def test_formats_of_the_command_in_python_alone_are_named(cpp: Run, name: str, tmp_path: Path) -> None:
    code, out, err = cpp(BUNDLE, "--input", str(tmp_path / name), "--output", str(tmp_path / "out.csv"))
    assert (code, out) == (2, "")
    assert "expected .jsonl, .ndjson, .csv; the command in Python reads and writes it, this one does not" in err


def test_a_packed_file_is_not_read_by_the_command_in_cpp(cpp: Run, tmp_path: Path) -> None:
    code, _, err = cpp(BUNDLE, "--input", str(tmp_path / "in.csv.gz"))
    assert (code, "unpack it first, as in `gunzip -c FILE | bert_run DIR --input -`" in err) == (2, True)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_blank_lines_keep_their_row_in_both(form: str, cpp: Run, python: Run, tmp_path: Path) -> None:
    lines = {"jsonl": ['{"text": "a"}', "", "  ", '{"text": "b"}', ""], "csv": ["text,text_pair", "a,", "", "b,c", ""]}
    path = tmp_path / f"in.{form}"
    path.write_text("\n".join(lines[form]) + "\n")
    rows = len(lines[form]) - (form == "csv")
    for output in ("jsonl", "csv"):
        arguments = (BUNDLE, "--input", str(path), "--output-format", output, "--with-input")
        ours, theirs = cpp(*arguments), python(*arguments)
        assert ours[0] == theirs[0] == 0
        assert ours[1].count("\n") == theirs[1].count("\n") == rows + (output == "csv")
        assert (_numbers_cut(ours[1]), ours[2]) == (_numbers_cut(theirs[1]), theirs[2])


def _numbers_cut(text: str) -> str:
    """Numbers to four digits: rows of a batch are summed in another order than one alone."""
    return re.sub(r"\d\.\d{6,}(e-\d+)?", lambda found: f"{float(found[0]):.4f}", text)
