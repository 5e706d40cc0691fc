"""The command as a person uses it: real bundles, real files, real processes."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.spoilt import BEYOND, NOT_A_NUMBER, spoil

from bert_runtime.cli import main
from bert_runtime.cli.data import object_writer
from bert_runtime.cli.files import SOME_SKIPPED
from bert_runtime.loading import load
from bert_runtime.record_writers import to_json
from bert_runtime.session import LOOKAHEAD

MODULES = Path(__file__).parents[3] / "runtime"


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def answers(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def run(capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Ran]:
    def command(*arguments: object) -> Ran:
        code = main([str(argument) for argument in arguments])
        out, err = capfdbinary.readouterr()
        return Ran(code, out.decode(), err.decode())

    return command


def start(*arguments: object, **pipes: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bert_runtime.cli", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(MODULES)}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, **pipes)


def requests(path: Path, *texts: object) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def test_one_request_by_flags_is_answered_as_the_session_answers_it(run: Any, question_answering: Path) -> None:
    ran = run(question_answering, "--question", "who?", "--context", "the good film", "--top-k", 2)
    with load(question_answering) as session:
        expected = session({"question": "who?", "context": "the good film", "top_k": 2})
    (answer,) = ran.answers
    assert (ran.code, ran.err) == (0, "")
    assert [(span["text"], span["score"]) for span in answer["answers"]] == [
        (a.text, a.score) for a in expected.answers
    ]


def test_a_task_with_a_list_needs_no_code_of_its_own(run: Any, multiple_choice: Path) -> None:
    (answer,) = run(multiple_choice, "--prompt", "the", "--choices", "a", "bad film").answers
    assert answer["text"] == ("a", "bad film")[answer["choice"]]


def test_a_file_is_answered_line_by_line_in_its_order(run: Any, classification: Path, tmp_path: Path) -> None:
    texts = ["the film", "é 😀", "a " * 30, ""] * 80
    ran = run(classification, "--input", requests(tmp_path / "in.jsonl", *texts), "--output", tmp_path / "out.jsonl")
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (ran.code, ran.out, len(answers)) == (0, "", len(texts))
    for text, answer in zip(texts[:4], answers[-4:], strict=True):
        (single,) = run(classification, "--text", text).answers
        assert [label["label"] for label in answer["labels"]] == [label["label"] for label in single["labels"]]
        assert [label["score"] for label in answer["labels"]] == pytest.approx(
            [label["score"] for label in single["labels"]], abs=1e-6
        )
    assert not (tmp_path / "out.jsonl.part").exists()


def test_csv_in_and_out_keeps_rows_aligned(run: Any, multiple_choice: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text('prompt,choices\nthe,"[""a"", ""bad""]"\n"x, y","[""b""]"\n')
    assert run(multiple_choice, "--input", source, "--output", tmp_path / "out.csv", "--with-input").code == 0
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text(), newline="")))
    assert list(rows[0]) == ["request", "choice", "text", "scores", "truncated"]
    assert [json.loads(row["request"])["prompt"] for row in rows] == ["the", "x, y"]
    assert rows[1]["text"] == "b"


def test_flags_are_the_defaults_of_every_line_and_a_line_overrides_them(
    run: Any, classification: Path, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a"}\n{"text": "a", "top_k": 2}\n')
    ran = run(classification, "--input", source, "--top-k", 1)
    assert [len(answer["labels"]) for answer in ran.answers] == [1, 2]


def test_a_bad_line_fails_by_its_number_with_all_before_it_written(
    run: Any, classification: Path, tmp_path: Path
) -> None:
    count = LOOKAHEAD + 10
    source = requests(tmp_path / "in.jsonl", *["a"] * count, 5, "b")
    ran = run(classification, "--input", source, "--output", tmp_path / "out.jsonl")
    part = tmp_path / "out.jsonl.part"
    assert ran.code == 2
    assert f"in.jsonl line {count + 1}: text is 5 (int), expected a string" in ran.err
    assert f"what was answered before is in {part}" in ran.err
    assert len(part.read_text().splitlines()) == count
    assert not (tmp_path / "out.jsonl").exists()


def test_a_failure_leaves_an_older_output_alone(run: Any, classification: Path, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("old")
    assert (
        run(classification, "--input", requests(tmp_path / "a.jsonl", 5), "--output", tmp_path / "out.jsonl").code == 2
    )
    assert (tmp_path / "out.jsonl").read_text() == "old"
    assert not (tmp_path / "out.jsonl.part").exists()


def test_a_line_that_the_engine_cannot_answer_is_named(run: Any, tmp_path: Path) -> None:
    bundle = spoil("text-classification", tmp_path / "bundle")
    source = requests(tmp_path / "in.jsonl", "a film", NOT_A_NUMBER, "bad", f"a {BEYOND}", "good")
    skipped = run(bundle, "--input", source, "--errors", "skip")
    assert (skipped.code, ["labels" in answer for answer in skipped.answers]) == (3, [True, False, True, False, True])
    assert f"skipped {source} line 2: " in skipped.err
    assert [answer["line"] for answer in skipped.answers if "error" in answer] == [2, 4]
    failed = run(bundle, "--input", source)
    assert (failed.code, len(failed.answers)) == (2, 1)
    assert failed.err.startswith(f"bert-run: {source} line 2: ")


def read_line(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("mode", ["latency", "throughput"])
def test_lines_of_a_pipe_are_answered_as_they_come(classification: Path, kind: str, mode: str) -> None:
    process = start(
        classification, "--input", "-", "--input-format", kind, "--mode", mode,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    with process:
        process.stdin.write(b"text\n" if kind == "csv" else b"")
        for burst in (1, 1, 3, 1):  # each waits for its answers before the next is written
            process.stdin.write((b"a film\n" if kind == "csv" else b'{"text": "a film"}\n') * burst)
            process.stdin.flush()
            assert all(read_line(process)["label" if kind == "csv" else "labels"] for _ in range(burst))
        process.stdin.close()
        assert process.wait(timeout=20) == 0


def test_a_bad_line_of_a_pipe_ends_the_command_while_the_pipe_is_open(classification: Path) -> None:
    process = start(classification, "--input", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stderr is not None
    with process:
        process.stdin.write(b'{"text": "a film"}\n{"text": 5}\n{"te')
        process.stdin.flush()
        assert read_line(process)["labels"]
        assert process.wait(timeout=20) == 2
        assert process.stderr.read() == b"bert-run: - line 2: text is 5 (int), expected a string\n"


BROKEN = b'{"text": "a"}\n{broken\n["list"]\n{"tex": "a"}\n{"text": "\xff"}\n\n{"text": "b"}\n'


def test_skipped_lines_stand_in_their_place_with_their_number(run: Any, classification: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(BROKEN)
    ran = run(classification, "--input", tmp_path / "in.jsonl", "--errors", "skip")
    assert ran.code == SOME_SKIPPED
    assert ["labels" in answer for answer in ran.answers] == [True, False, False, False, False, False, True]
    assert [answer["line"] for answer in ran.answers if "error" in answer] == [2, 3, 4, 5]
    assert ran.answers[5] == {}, "a blank line keeps its row"
    assert "bert-run: 4 of 7 lines skipped" in ran.err
    assert ran.err.count("bert-run: skipped ") == 4


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_an_answer_that_cannot_be_written_is_its_own_lines_error(
    suffix: str, run: Any, classification: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, output = requests(tmp_path / "in.jsonl", "a film", "bad", "good"), tmp_path / f"out.{suffix}"
    answers = []

    def broken(answer: Any) -> Any:
        answers.append(answer)
        return {"labels": [float("nan")]} if len(answers) == 2 else to_json(answer)

    monkeypatch.setattr(object_writer, "to_json", broken)
    ran = run(classification, "--input", path, "--output", output, "--errors", "skip", "--with-input")
    assert ran.code == SOME_SKIPPED
    lines = output.read_text("utf-8").splitlines()[-3:]
    assert ["Out of range float values are not JSON" in line for line in lines] == [False, True, False]
    assert "line 2: ValueError: Out of range float values" in ran.err


def test_only_so_many_skipped_lines_are_named_on_standard_error(run: Any, classification: Path, tmp_path: Path) -> None:
    ran = run(classification, "--input", requests(tmp_path / "in.jsonl", *range(1000)), "--errors", "skip")
    assert (ran.code, len(ran.answers)) == (2, 1000)
    assert len(ran.err.splitlines()) < 30
    assert "1000 of 1000 lines skipped" in ran.err


def test_the_request_is_echoed_also_beside_an_error(run: Any, classification: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a", "top_k": 1}\n{"text": "\\ud800"}\n')
    first, second = run(classification, "--input", source, "--with-input", "--errors", "skip").answers
    assert first["request"] == {"text": "a", "top_k": 1}
    assert len(first["labels"]) == 1
    assert second["request"] == {"text": "\ud800"}
    assert "lone surrogate" in second["error"]


def test_extra_fields_are_refused_unless_allowed_and_then_echoed(
    run: Any, classification: Path, tmp_path: Path
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "a", "id": 7}\n')
    assert "unknown field 'id'" in run(classification, "--input", source).err
    (answer,) = run(classification, "--input", source, "--allow-extra", "--with-input").answers
    assert answer["request"]["id"] == 7


def test_standard_streams_serve_as_files(classification: Path) -> None:
    process = start(classification, "--input", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, err = process.communicate(b'{"text": "a"}\n{"text": "b"}\n')
    assert (process.returncode, len(out.splitlines()), err) == (0, 2, b"")


def test_a_reader_that_goes_away_ends_the_command_silently(classification: Path, tmp_path: Path) -> None:
    source = requests(tmp_path / "in.jsonl", *["a"] * 5000)
    process = start(classification, "--input", source, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    assert process.wait() == 141


def test_an_interrupt_ends_without_a_traceback_and_keeps_what_was_answered(
    classification: Path, tmp_path: Path
) -> None:
    arguments = ("--input", "-", "--output", tmp_path / "out.jsonl")
    process = start(classification, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b'{"text": "a"}\n' * LOOKAHEAD * 2)
    process.stdin.flush()
    part, growing = tmp_path / "out.jsonl.part", tmp_path / ".out.jsonl.1.part"
    while not (growing.exists() and growing.stat().st_size) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert process.returncode == 130
    assert b"bert-run: interrupted" in err
    assert b"Traceback" not in err
    kept = [json.loads(line) for line in part.read_text().splitlines()]
    assert kept
    assert all("labels" in answer for answer in kept)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected --text, or --input FILE, or --describe"),
        (("--tex", "a"), "--tex (did you mean --text?)"),
        (("--text",), "argument --text: expected one argument; write --flag=VALUE"),
        (("--top-k", "many"), "missing field 'text'"),
        (("--top-k", "many"), "top_k is 'many' (str), expected a value of type int"),
        (("--text", "a", "--threads", "0"), "threads is 0"),
        (("--text", "a", "--threads", "two"), "argument --threads: got 'two', expected a whole number"),
        (
            ("--text", "a", "--max-batch-tokens", "0", "--max-batch-size", "-1"),
            "max_batch_tokens is 0, expected at least 1; max_batch_size is -1",
        ),
        (("--text", "a", "--pad-to-multiple-of", "0"), "pad_to_multiple_of is 0, expected at least 1"),
        (("--text", "a", "--target", "cuda"), "'cuda' was asked for, but the bundle holds portable"),
        (("--text", "a", "--output", "x.jsonl"), "got --output without --input FILE"),
        (("--text", "a", "--errors", "skip"), "got --errors without --input FILE"),
        (("--input", "none.jsonl"), "--input none.jsonl does not exist"),
        (("--input", "."), "--input . holds no data files"),
        (("--input", "*.jsonl"), "--input *.jsonl holds no data files"),
        (("--input", "-", "--output", "."), "--output . is a directory, expected a file: the local engine writes one"),
        (("--input", "-", "--output", "out/"), "--output out/ is a directory, expected a file"),
        (("--input", "-", "--output", "none/out.jsonl"), "a directory that does not exist"),
        (("--input", "-", "--output", "out.parquet.gz"), "parquet inside .gz, expected parquet alone"),
        (("--input", "-", "--resume"), "--resume needs an output beside which a checkpoint lies"),
        (("--input", "-", "--column", "txt=a"), "--column txt=a: expected FIELD=COLUMN, with a field of text"),
        (("--input", "-", "--columns", "label,label"), "'label' stands there twice"),
        (("--input", "none.csv", "--output", "out.txt"), "the extension is .txt"),
        (("--text-file", "none.txt"), "none.txt: No such file or directory"),
    ],
)
def test_wrong_input_is_explained_in_one_line_with_exit_code_2(
    run: Any, classification: Path, arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(classification.resolve(), *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("bert-run: ")
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1


def test_the_output_must_not_be_the_input(run: Any, classification: Path, tmp_path: Path) -> None:
    source = requests(tmp_path / "in.jsonl", "a")
    (tmp_path / "link.jsonl").symlink_to(source)
    for target in (source, tmp_path / "link.jsonl"):
        ran = run(classification, "--input", source, "--output", target)
        assert (ran.code, "would both use" in ran.err) == (2, True)
    assert source.read_text() == '{"text": "a"}\n'


def test_an_output_that_is_a_pipe_is_written_to_and_not_replaced(
    run: Any, classification: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    ran = run(classification, "--input", requests(tmp_path / "in.jsonl", "a"), "--output", pipe)
    received = os.read(reader, 10_000) if pipe.is_fifo() else b""
    os.close(reader)
    assert (ran.code, ran.err, received.count(b"\n")) == (0, "", 1)


def test_json_is_utf8_whatever_the_locale(multiple_choice: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    process = start(multiple_choice, "--prompt", "a", "--choices", "日", stdout=subprocess.PIPE)
    out, err = process.communicate()
    assert (process.returncode, err, json.loads(out.decode("utf-8"))["text"]) == (0, b"", "日")
    assert "日".encode() in out


@pytest.mark.parametrize("arguments", [(), ("--text", "a"), ("--describe",)])
def test_the_bundle_comes_first(run: Any, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert (ran.code, "its directory first" in ran.err) == (2, True)


def test_a_directory_that_is_no_bundle_is_explained(run: Any, tmp_path: Path) -> None:
    ran = run(tmp_path, "--text", "a")
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert "manifest.json" in ran.err


def test_help_without_a_bundle_lists_every_tasks_flags(run: Any) -> None:
    ran = run("--help")
    assert ran.code == 0
    for line in (
        "question-answering = qa: --question --context",
        "multiple-choice = mc: --prompt --choices",
        "--input",
    ):
        assert line in ran.out


def test_help_of_a_bundle_lists_the_flags_of_its_task_alone(run: Any, question_answering: Path) -> None:
    ran = run(question_answering, "--help")
    assert ran.code == 0
    assert "--handle-no-answer" in ran.out
    assert "--choices" not in ran.out


def test_the_version_is_printed(run: Any) -> None:
    ran = run("--version")
    assert (ran.code, ran.out.startswith("bert-run ")) == (0, True)


def test_a_bundle_is_described_for_people_and_for_programs(run: Any, classification: Path) -> None:
    text = run(classification, "--describe").out
    record = json.loads(run(classification, "--describe", "--json").out)
    assert record["labels"] == ["bad", "good", "neither"]
    assert record["artefacts"][0]["target"] == "portable"
    for word in ("text-classification", "bad, good, neither", "portable", "fp32", "tiny-text-classification"):
        assert word in text


def test_a_second_graph_is_described(run: Any, classification: Path) -> None:
    shared = classification.with_name("text-classification-sequence-packing")
    record = json.loads(run(shared, "--describe", "--json").out)
    assert record["artefacts"][0]["sequence_packing"] == "model.sequence_packing.onnx"


def test_a_warning_is_one_line_without_its_source(run: Any, classification: Path) -> None:
    ran = run(classification.with_name("token-classification-by-mask"), "--text", "a")
    assert ran.code == 0
    assert ran.err.startswith("bert-run: warning: the bundle holds only cuda")
    assert len(ran.err.splitlines()) == 1
