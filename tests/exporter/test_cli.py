"""`bert-export` is argparse around one call: each flag is one option, and every outcome has its exit code."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.exporter.conftest import TinyBundle, TinyCheckpoint

import bert_runtime
from bert_export import cli, exporting, flags
from bert_export.errors import GateError
from bert_export.options import ExportOptions
from bert_export.report import ExportReport
from bert_runtime.cli import boundary
from bert_runtime.tasks import TASKS

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
OF_THE_COMMAND = {"help", "json", "quiet", "version", "checkpoint", "push_to_hub", "private", "push_branch"}
"""What decides how the command speaks, not what it makes."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Run the command in this process."""

    def call(*arguments: object) -> Outcome:
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as error:
            code = int(error.code or 0)
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def asked(tiny_bundle: TinyBundle, monkeypatch: pytest.MonkeyPatch) -> list[ExportOptions]:
    """The options that the command asks to export, in place of an export, which takes seconds."""
    calls: list[ExportOptions] = []
    report = tiny_bundle("question-answering", False)

    def recorded(options: ExportOptions, _: object) -> ExportReport:
        calls.append(options)
        return report

    monkeypatch.setattr(exporting, "export", recorded)
    return calls


def actions() -> Sequence[argparse.Action]:
    return flags.parser()._actions


def test_each_flag_is_one_field_of_the_options() -> None:
    flags = {action.dest for action in actions()} - OF_THE_COMMAND

    assert flags == {field.name for field in dataclasses.fields(ExportOptions)}


def test_without_flags_every_option_has_the_default_of_its_field(
    run: Callable[..., Outcome], asked: list[ExportOptions]
) -> None:
    assert run("--task", "qa").code == boundary.DONE
    assert asked == [ExportOptions(task="qa")]


@pytest.mark.parametrize(
    ("flags", "field", "value"),
    [
        (["--adapter", "a"], "adapter", "a"),
        (["--revision", "v1"], "revision", "v1"),
        (["--allow-random-head"], "allow_random_head", True),
        (["--max-length", "64"], "max_length", 64),
        (["--pooling", "cls"], "pooling", "cls"),
        (["--activation", "none"], "activation", "none"),
        (["--normalize"], "normalize", True),
        (["--no-normalize"], "normalize", False),
        (["-o", "out"], "output", Path("out")),
        (["--output", "out"], "output", Path("out")),
        (["--force"], "force", True),
        (["--target", "cpu", "--target", "portable"], "targets", ("cpu", "portable")),
        (["--plain"], "plain", True),
        (["--task", "mlm"], "task", "mlm"),
    ],
)
def test_a_flag_sets_its_field_and_no_other(
    flags: list[str], field: str, value: Any, run: Callable[..., Outcome], asked: list[ExportOptions]
) -> None:
    assert run("--model", "m", *flags).code == boundary.DONE
    assert asked == [dataclasses.replace(ExportOptions(model="m"), **{field: value})]


def test_the_help_names_every_flag_task_alias_and_exit_code(run: Callable[..., Outcome]) -> None:
    outcome = run("--help")
    named = [word for action in actions() for word in action.option_strings]

    assert outcome.code == 0
    assert outcome.err == ""
    for word in (*named, *(task.name for task in TASKS), *(alias for task in TASKS for alias in task.aliases)):
        assert word in outcome.out
    assert "exit codes: 0 done, 1 a gate failed, 2 the input is wrong, 130 interrupted" in outcome.out


def test_json_is_all_there_is_on_standard_output(run: Callable[..., Outcome], asked: list[ExportOptions]) -> None:
    outcome = run("--task", "qa", "--json")

    assert outcome.code == boundary.DONE
    assert outcome.err == ""
    assert json.loads(outcome.out)["task"] == "question-answering"
    assert set(json.loads(outcome.out)) == {field.name for field in dataclasses.fields(ExportReport)}


def test_quiet_prints_nothing(run: Callable[..., Outcome], asked: list[ExportOptions]) -> None:
    assert run("--task", "qa", "--quiet") == Outcome(boundary.DONE, "", "")


def test_without_a_terminal_the_report_has_no_colours_and_no_progress(
    run: Callable[..., Outcome], asked: list[ExportOptions]
) -> None:
    outcome = run("--task", "qa")

    assert outcome.err == ""
    assert "same answers" in outcome.out
    assert "\x1b" not in outcome.out


def test_a_failed_gate_exits_with_1(run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(*_: object) -> ExportReport:
        raise GateError("the cpu artefact does not answer as torch does")

    monkeypatch.setattr(exporting, "export", failed)
    outcome = run("--task", "qa", "--json")

    assert outcome == Outcome(1, "", "bert-export: the cpu artefact does not answer as torch does\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--task", "qa", "--fp16", "--target", "cpu"],
            "--target cpu in 'fp16', expected fp32 or int8: a CPU",
        ),
        (["--task", "poetry"], "unknown task 'poetry'; the tasks are pretraining"),
        (
            ["--task", "qa", "--target", "tpu"],
            "target 'tpu' is not built yet; this version makes auto, cpu, cuda, openvino, portable, tensorrt",
        ),
        ([], "neither a model nor a task given; give --model DIR_OR_HUB_ID"),
        (["--task", "mc"], "multiple-choice has no demo checkpoint; pass --model DIR_OR_HUB_ID"),
        (["--task", "qa", "--max-length", "3"], "--max-length is 3, expected at least 8 tokens"),
        (["--model", "./nowhere"], "'./nowhere' is no directory; expected a checkpoint's directory or a hub id"),
        (["--model", __file__], "is a file; expected a directory with config.json: give the directory it lies in"),
        (["--model", "m", "--max-length", "long"], "argument --max-length: got 'long', expected a whole number"),
        (
            ["--model", "m", "--pooling", "median"],
            "argument --pooling: got 'median', expected one of mean, cls, pooler",
        ),
        (["--modle", "m"], "unknown: --modle (did you mean --model?)"),
        (["m", "--push-to-hub", "no id"], "--push-to-hub is 'no id', expected ORG/NAME"),
        (["m", "--private"], "--private and --push-branch belong to --push-to-hub"),
        (["a", "--model", "b"], "got 'a' and --model b, expected one checkpoint"),
        (["--model", str(GOLDEN / "fill-mask")], "fill-mask is a bundle, expected a checkpoint; give --bundle"),
        (["m", "--target", "tpu"], "target 'tpu' is not built yet; this version makes auto, "),
    ],
)
def test_wrong_input_exits_with_2_and_one_message(
    arguments: list[str], message: str, run: Callable[..., Outcome]
) -> None:
    outcome = run(*arguments)

    assert outcome.code == 2
    assert outcome.out == ""
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_a_directory_that_is_no_checkpoint_exits_with_2(run: Callable[..., Outcome], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    outcome = run("--model", tmp_path, "--output", tmp_path / "b")

    assert outcome.code == 2
    assert "config.json" in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_taken_output_exits_with_2(
    run: Callable[..., Outcome], tiny_bundle: TinyBundle, tiny_checkpoint: TinyCheckpoint
) -> None:
    taken = tiny_bundle("question-answering", False).bundle
    outcome = run("--model", tiny_checkpoint("question-answering", {}), "--output", taken)

    assert (outcome.code, outcome.out) == (2, "")
    assert "is a bundle already; replace it with --force" in outcome.err


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["--no-such-flag"], ["--task", "qa", "--target", "tpu"]]
)
def test_help_and_wrong_flags_load_no_torch(arguments: list[str]) -> None:
    program = (
        "import sys; from bert_export.cli import main\n"
        "try: code = main(sys.argv[1:])\n"
        "except SystemExit as error: code = error.code\n"
        "heavy = {'torch', 'transformers', 'onnx', 'onnx_ir', 'onnxscript', 'onnxruntime', 'peft', 'rich'}\n"
        "print('loaded', sorted(heavy & set(sys.modules)), code or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True)

    assert done.stdout.splitlines()[-1] == f"loaded [] {0 if arguments[0] in ('--help', '--version') else 2}"


def start(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    """The installed command in a process of its own, with a temporary directory of its own.

    Not `python -m`: Python ends such a process by the signal, whatever its exit code, where Ctrl-C struck code that a
    library (torch does) had built from text.
    """
    (folder / "temporary").mkdir(exist_ok=True)
    environment: dict[str, Any] = {**os.environ, "TMPDIR": str(folder / "temporary"), "OMP_NUM_THREADS": "1"}
    command = [str(Path(sys.executable).with_name("bert-export")), *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_an_interrupted_export_exits_with_130_and_leaves_nothing(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path
) -> None:
    checkpoint = tiny_checkpoint("question-answering", {})
    process = start(["--model", str(checkpoint), "--output", "out/b"], tmp_path)
    temporary = tmp_path / "temporary"
    while process.poll() is None and not list(temporary.glob("bert-export-*")):
        time.sleep(0.02)  # until the export has its temporary folder: it is tracing
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)

    assert (process.returncode, out, err) == (130, "", "bert-export: interrupted\n")
    assert not list(temporary.glob("bert-export-*"))
    assert list(tmp_path.iterdir()) == [temporary]


def from_bundle(task: str) -> list[str]:
    """The arguments of an export that takes a second: of a bundle in the tests, without torch."""
    return ["--bundle", str(GOLDEN / task), "--int8"]


def test_of_two_exports_to_one_place_one_wins_and_one_is_refused(tmp_path: Path) -> None:
    tasks = ("question-answering", "token-classification")
    processes = [start([*from_bundle(task), "--output", "b", "--quiet"], tmp_path) for task in tasks]
    errors = [process.communicate(timeout=200)[1] for process in processes]
    codes = [process.returncode for process in processes]

    assert sorted(codes) == [0, 2], errors
    assert "b: is a bundle already; replace it with --force, or name another output" in errors[codes.index(2)]
    with bert_runtime.load(tmp_path / "b") as session:
        assert session.task.name == tasks[codes.index(0)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "temporary"]


def test_a_reader_that_goes_away_leaves_no_traceback(tmp_path: Path) -> None:
    process = start([*from_bundle("question-answering"), "--output", "b"], tmp_path)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    shown = process.stderr.read()

    assert (process.wait(), shown) == (141, "")
    assert (tmp_path / "b" / "manifest.json").is_file()


def test_a_checkpoint_needs_no_flag(run: Callable[..., Outcome], asked: list[ExportOptions]) -> None:
    assert run("m").code == boundary.DONE
    assert asked == [ExportOptions(model="m")]


def blocked(modules: Sequence[str], arguments: Sequence[object], cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command in a process that has none of these modules."""
    program = (
        "import importlib.abc, sys\n"
        "class Blocked(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {tuple(modules)!r}: raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "from bert_export.cli import main\n"
        "sys.exit(main())\n"
    )
    command_line = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command_line, capture_output=True, text=True, check=False, cwd=cwd)


def of_a_bundle(folder: Path) -> list[str]:
    """How to make int8 for OpenVINO of a golden bundle, on samples written into the folder."""
    samples = folder / "samples.jsonl"
    samples.write_text("".join(f'{{"text": "a text of number {i}"}}\n' for i in range(40)), encoding="utf-8")
    bundle = str(GOLDEN / "text-classification-sequence-packing")
    return ["--bundle", bundle, "--target", "openvino", "--int8", "--calibrate", str(samples), "--max-drop", "1"]


def test_missing_packages_are_named_before_any_work(tmp_path: Path) -> None:
    done = blocked(["torch", "onnxscript"], ["--task", "qa", "-o", "out"], tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert "torch, onnxscript are not installed, and an export needs them" in done.stderr
    assert "pip install 'bert-export[cpu,export]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_quantised_without_torch_and_shown_without_rich(tmp_path: Path) -> None:
    modules = ["torch", "transformers", "peft", "safetensors", "rich", "huggingface_hub"]
    line = [*of_a_bundle(tmp_path), "-o", "out"]
    done = blocked(modules, line, tmp_path)

    assert "Traceback" not in done.stderr
    if done.returncode == boundary.FAILED:  # a gate: the tiny network is no faster in int8 here
        assert not (tmp_path / "out").exists()
        return
    assert (done.returncode, done.stderr) == (0, "")
    assert "text-classification: out (" in done.stdout
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_one_call_quantises_a_bundle_as_the_command_does(tmp_path: Path) -> None:
    arguments = of_a_bundle(tmp_path)
    options = ExportOptions(
        bundle=Path(arguments[1]),
        targets=("openvino",),
        int8=True,
        calibrate=tmp_path / "samples.jsonl",
        max_drop=1.0,
        output=tmp_path / "called",
    )
    try:
        exporting.export(options)
        is_made = True
    except GateError:
        is_made = False
    code = cli.main([*arguments, "--quiet", "-o", str(tmp_path / "commanded")])

    assert (code == boundary.DONE) == is_made
