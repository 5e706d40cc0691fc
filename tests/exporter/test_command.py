"""What the command can do one call can: each command of the documents has its call; both make the same bundle."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from tests.exporter.conftest import TinyCheckpoint
from tests.exporter.exports import contents

from bert_calibration import measure
from bert_export import ExportOptions, OptionError, export, quantize, tune
from bert_export.cli import main
from bert_export.command import options_of, plain
from bert_export.flags import parser

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

CALLS = {
    "--model ./base --adapter ./lora --task ner": ExportOptions(model="./base", adapter="./lora", task="ner"),
    "--model ./my-checkpoint --target cpu --target portable --json": ExportOptions(
        model="./my-checkpoint", targets=("cpu", "portable")
    ),
    "--model ./my-checkpoint --int8 --calibrate labelled.jsonl -o int8-bundle": ExportOptions(
        model="./my-checkpoint", int8=True, calibrate=Path("labelled.jsonl"), output=Path("int8-bundle")
    ),
    "--bundle my-bundle --int8 --calibrate labelled.jsonl --preset performance -o fast-bundle": ExportOptions(
        bundle=Path("my-bundle"),
        int8=True,
        calibrate=Path("labelled.jsonl"),
        preset="performance",
        output=Path("fast-bundle"),
    ),
    "--model ./my-checkpoint --fp16 -o half-bundle": ExportOptions(
        model="./my-checkpoint", fp16=True, output=Path("half-bundle")
    ),
    "--model ./my-checkpoint --bf16 -o bf16-bundle": ExportOptions(
        model="./my-checkpoint", bf16=True, output=Path("bf16-bundle")
    ),
    "--model ./my-checkpoint --target cpu --target cuda:fp16 -o both": ExportOptions(
        model="./my-checkpoint", targets=("cpu", "cuda:fp16"), output=Path("both")
    ),
    "--model ./my-checkpoint --fp16 --remove-padding -o packed-bundle": ExportOptions(
        model="./my-checkpoint", fp16=True, remove_padding=True, output=Path("packed-bundle")
    ),
    "--model ./my-checkpoint --optimize-for-this-machine --calibrate labelled.jsonl -o best-bundle": ExportOptions(
        model="./my-checkpoint", optimize="latency", calibrate=Path("labelled.jsonl"), output=Path("best-bundle")
    ),
    "--model ./my-checkpoint --target tensorrt --fp16 --profile batch=1:8:32 -o tensorrt-bundle": ExportOptions(
        model="./my-checkpoint",
        targets=("tensorrt",),
        fp16=True,
        profile="batch=1:8:32",
        output=Path("tensorrt-bundle"),
    ),
    "--model ./my-encoder --task embedding -o encoder-bundle": ExportOptions(
        model="./my-encoder", task="embedding", output=Path("encoder-bundle")
    ),
    "--model ./my-decoder --task lm -o decoder-bundle": ExportOptions(
        model="./my-decoder", task="lm", output=Path("decoder-bundle")
    ),
    "./my-checkpoint -o my-bundle": ExportOptions(model="./my-checkpoint", output=Path("my-bundle")),
}
"""Command of a document -> its call."""


def options(command: str) -> ExportOptions:
    return options_of(parser().parse_args(plain(shlex.split(command))))


def documented() -> set[str]:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    shown = "\n".join(re.findall(r"^```console\n(.*?)^```", text, re.M | re.S))
    return {line.split(" #")[0].strip() for line in re.findall(r"^(?:\$ )?bert-export (.+)$", shown, re.M)}


def test_each_command_of_the_documents_has_its_call() -> None:
    assert documented() == set(CALLS)
    assert {command: options(command) for command in CALLS} == CALLS


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("export ./a --fp16", "./a --fp16"),
        ("quantize ./b --calibrate c.jsonl", "--bundle ./b --int8 --calibrate c.jsonl"),
        ("tune ./a --calibrate c.jsonl", "./a --optimize-for-this-machine --calibrate c.jsonl"),
    ],
)
def test_a_sub_command_stands_for_its_flags(short: str, long: str) -> None:
    assert options(short) == options(long)


def test_a_directory_named_as_a_sub_command_is_written_with_a_path() -> None:
    assert options("./tune --fp16").model == "./tune"


@pytest.mark.parametrize("command", ["quantize", "quantize --calibrate c.jsonl"])
def test_quantize_without_a_bundle_says_how(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(command)) == 2
    assert "quantize takes the bundle first, as in `bert-export quantize DIR" in capsys.readouterr().err


def test_the_command_and_the_call_make_the_same_bundles(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "speed_up", lambda *_: 2.0)  # a network of width 32 is no measure of speed
    checkpoint, typed, called = str(tiny_checkpoint("text-classification", {})), tmp_path / "typed", tmp_path / "called"
    assert main([checkpoint, "-o", str(typed), "--quiet"]) == 0
    export(ExportOptions(model=checkpoint, output=called))
    assert contents(typed) == contents(called)
    assert main(["quantize", str(typed), "-o", f"{typed}-int8", "--quiet"]) == 0
    quantize(ExportOptions(bundle=called, int8=True, output=Path(f"{called}-int8")))
    assert contents(Path(f"{typed}-int8")) == contents(Path(f"{called}-int8"))


def test_quantize_takes_a_bundle_and_tune_tries_what_runs_here(
    tiny_checkpoint: TinyCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bert_export.tuning.trials.TRIAL", 0.0)  # no figure is read here
    monkeypatch.setattr("bert_export.tuning.trials.FINAL", 0.0)
    monkeypatch.setattr("bert_export.tuning.tune.thread_counts", lambda: (1,))
    checkpoint = str(tiny_checkpoint("text-classification", {}))
    with pytest.raises(OptionError, match="bundle is None, expected an fp32 bundle"):
        quantize(ExportOptions(model=checkpoint, int8=True))
    with pytest.raises(OptionError, match="--optimize-for-this-machine with --fp16"):
        tune(ExportOptions(model=checkpoint, fp16=True, output=tmp_path / "b"))
    report = tune(ExportOptions(model=checkpoint, output=tmp_path / "b"))
    said = json.loads((report.bundle / "manifest.json").read_text(encoding="utf-8"))["verification"]["tuning"]
    assert said["mode"] == "latency"
