"""Every command ends with a sentence and its exit code, whatever happens to its streams and whoever stops it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TextIO

import pytest
from tests.runtime.cli.conftest import Shell, Start, command_line, environment

from bert_runtime.cli.boundary import run_command
from bert_runtime.errors import BackendError, BertError, BundleError

GOLDEN = Path(__file__).parents[2] / "golden" / "v1" / "text-classification"
QUICK = ("--seconds", "0.01", "--batches", "1", "--lengths", "4")
COMMANDS = [("bert-run", str(GOLDEN), "--text", "a"), ("bert-doctor",), ("bert-bench", str(GOLDEN), *QUICK)]
NAMES = [command[0] for command in COMMANDS]


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_a_full_disk_is_named_with_exit_code_2(command: tuple[str, ...], shell: Shell) -> None:
    code, out, err = shell(*command, redirect="> /dev/full")
    message = "standard output: No space left on device; free some space, or write elsewhere"
    assert (code, out, err) == (2, "", f"{command[0]}: {message}\n")


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_a_closed_output_is_named_with_exit_code_2(command: tuple[str, ...], shell: Shell) -> None:
    code, out, err = shell(*command, redirect=">&-")
    assert (code, out) == (2, "")
    assert err == f"{command[0]}: standard output: it is closed; open it, or name a file\n"


@pytest.mark.parametrize("flag", ["--help", "--version"])
@pytest.mark.parametrize("name", NAMES)
def test_help_that_cannot_be_written_is_no_success(name: str, flag: str, shell: Shell) -> None:
    assert shell(name, flag, redirect="> /dev/full")[0] == 2


@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_a_reader_that_has_gone_is_141_without_a_word(command: tuple[str, ...], start: Start) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = start(*command, stdout=writer)
    os.close(writer)
    assert (process.communicate()[1], process.returncode) == (b"", 141)


@pytest.mark.parametrize("redirect", ["2>&-", "2> /dev/full", "<&-", "<&- 2>&-"])
def test_an_answer_needs_no_stream_but_its_own(redirect: str, shell: Shell) -> None:
    code, out, err = shell("bert-run", GOLDEN, "--text", "a", redirect=redirect)
    assert (code, out.startswith('{"labels"'), err) == (0, True, "")


@pytest.mark.parametrize("redirect", ["2>&-", "2> /dev/full", ">&- 2>&-"])
def test_messages_that_cannot_be_written_change_no_exit_code(redirect: str, shell: Shell) -> None:
    assert shell("bert-run", GOLDEN, "--text", redirect=redirect) == (2, "", "")


def test_a_closed_input_is_named_where_it_is_read(shell: Shell) -> None:
    code, out, err = shell("bert-run", GOLDEN, "--input", "-", redirect="<&-")
    assert (code, out, err) == (2, "", "bert-run: standard input: it is closed; open it, or name a file\n")


def test_a_file_is_written_whole_where_the_standard_streams_are_closed(shell: Shell, tmp_path: Path) -> None:
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text('{"text": "a"}\n')
    ran = shell("bert-run", GOLDEN, "--input", source, "--output", output, redirect=">&- <&- 2>&-")
    assert ran == (0, "", "")
    assert output.read_text().startswith('{"labels"')


SLOW_IMPORT = "import time\nprint('importing', flush=True)\ntime.sleep(60)\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", COMMANDS, ids=NAMES)
def test_a_signal_during_imports_ends_with_one_line(
    command: tuple[str, ...], number: signal.Signals, start: Start, tmp_path: Path
) -> None:
    """A numpy that never arrives; what it prints goes to standard error, which is how the test knows of it."""
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text(SLOW_IMPORT)
    path = f"{tmp_path}:{environment()['PYTHONPATH']}"
    process = start(*command, env=environment(PYTHONPATH=path), stdout=subprocess.PIPE)
    assert process.stderr is not None
    assert process.stderr.readline() == b"importing\n"
    process.send_signal(number)
    out, err = process.communicate()
    word = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}[number]
    assert (process.returncode, out, err.decode()) == (128 + number, b"", f"{command[0]}: {word}\n")


@pytest.mark.parametrize("delay", [0.1, 0.2, 0.4])
def test_a_signal_at_any_time_ends_without_a_traceback(delay: float, start: Start) -> None:
    process = start("bert-bench", GOLDEN, "--seconds", "60", stdout=subprocess.PIPE)
    time.sleep(delay)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode in (143, -signal.SIGTERM)  # before Python has started, the signal itself ends it
    assert b"Traceback" not in err


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """As nohup and a shell's background jobs have it."""
    script = 'trap "" INT; "$@" & child=$!; sleep 0.05; kill -INT $child 2> /dev/null; wait $child'
    line = ["bash", "-c", script, "bash", *command_line("bert-run", GOLDEN, "--text", "a")]
    done = subprocess.run(line, capture_output=True, check=False, env=environment())
    assert (done.returncode, done.stderr) == (0, b"")


def test_text_goes_to_an_output_of_any_encoding(shell: Shell) -> None:
    code, out, _ = shell("bert-run", GOLDEN, "--describe", PYTHONIOENCODING="ascii")
    assert (code, out.isascii()) == (0, True)
    for locale in ({"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict"}):
        code, _, err = shell("bert-run", "日", "--text", "a", **locale)
        assert (code, "Traceback" in err) == (2, False)


def test_no_home_is_needed(start: Start) -> None:
    without = {name: value for name, value in environment().items() if name != "HOME"}
    for command in COMMANDS[:2]:
        process = start(*command, env=without, stdout=subprocess.PIPE)
        assert (process.communicate()[1], process.returncode) == (b"", 0)


BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)
sys.meta_path.insert(0, Blocked())
from bert_runtime.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("package", ["numpy", "tokenizers", "onnxruntime"])
def test_a_missing_package_is_named(package: str) -> None:
    line = [sys.executable, "-c", BLOCKED.format(package=package), str(GOLDEN), "--text", "a"]
    done = subprocess.run(line, capture_output=True, check=False, env=environment(), text=True)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith(f"bert-run: {package} cannot be imported (No module named")
    assert "install" in done.stderr


def ended(error: BaseException, capsys: Any, **more: Any) -> tuple[int, str]:
    def body(output: TextIO) -> int:
        output.write("an answer\n")
        raise error

    code = run_command("bert-test", body, is_process=False, **more)
    out, err = capsys.readouterr()
    assert out == "an answer\n"
    return code, err


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (BundleError("got a, expected b"), 2, "got a, expected b"),
        (BackendError("node \x1b[31m\x07 \u202e failed\r"), 2, r"node \x1b[31m\x07 \u202e failed\r"),
        (OSError(errno.ENOENT, "No such file or directory", "x"), 2, "x: No such file or directory"),
        (OSError("odd"), 2, "odd"),
        (MemoryError(), 2, "out of memory; give it more, or make batches smaller"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_an_error_is_one_line_after_what_was_answered(
    error: BaseException, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(error, capsys) == (code, f"bert-test: {message}\n")


def test_a_bug_is_70_and_says_where(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    code, err = ended(TypeError("no\x1b"), capsys)
    assert (code, len(err.splitlines())) == (70, 1)
    assert "internal error at test_boundary.py:" in err
    assert r"TypeError: no\x1b; this is a bug" in err
    monkeypatch.setenv("BERT_EXPORT_TRACEBACK", "1")
    assert "Traceback" in ended(TypeError("no"), capsys)[1]


def test_the_error_of_a_gate_is_1(capsys: pytest.CaptureFixture[str]) -> None:
    class RefusedError(BertError):
        pass

    assert ended(RefusedError("too far"), capsys, failures=(RefusedError,)) == (1, "bert-test: too far\n")


PRINTS = """
import ctypes, os, sys
from bert_runtime.cli.boundary import run_command
def body(output):
    print("from Python")
    ctypes.CDLL(None).puts(b"from C, buffered to the end")
    os.system("echo from a child")
    output.write("the answer\\n")
    return 0
sys.exit(run_command("bert-test", body, is_process=True))
"""


def test_what_libraries_print_never_reaches_standard_output() -> None:
    done = subprocess.run([sys.executable, "-c", PRINTS], capture_output=True, check=True, env=environment(), text=True)
    assert done.stdout == "the answer\n"
    for word in ("from Python", "from C", "from a child"):
        assert word in done.stderr
