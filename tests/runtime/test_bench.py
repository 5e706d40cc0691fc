"""What `bert-bench` measures is every artefact that runs, at every size that the model takes, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bert_runtime import bundle as bundles
from bert_runtime.bench import Line, Plan, bench
from bert_runtime.cli.bench import main
from bert_runtime.errors import BackendError, InputError

QUICK = Plan(batches=(1, 2), lengths=(4, 16, 4096), seconds=0.01)


def measured(folder: Path, plan: Plan) -> tuple[list[Line], list[str]]:
    skipped: list[str] = []
    return list(bench(bundles.read(folder), plan, skipped.append)), skipped


@pytest.mark.parametrize("task", ["text-classification", "multiple-choice", "fill-mask"])
def test_every_artefact_and_size_has_a_line(classification: Path, task: str) -> None:
    folder = classification.with_name(task)
    lines, skipped = measured(folder, QUICK)
    held = {f"{artefact.target} {artefact.precision}" for artefact in bundles.read(folder).manifest.artefacts}
    network = {(line.batch, line.length, line.artefact) for line in lines if line.work == "network"}
    assert network == {(batch, length, name) for batch in (1, 2) for length in (4, 16) for name in held}
    assert {line.work for line in lines} == {"network", "requests", "bulk"}
    assert skipped == ["4096 tokens: the model takes 32"] * 2
    for line in lines:
        assert 0 < line.p50 <= line.p90 <= line.p99
        assert line.per_second == pytest.approx(line.batch / line.p50 * 1000)
        assert line.rounds >= 5


def test_ratios_are_against_the_first_artefact(classification: Path) -> None:
    lines, _ = measured(classification.with_name("text-generation"), QUICK)
    first = lines[0].artefact
    assert {line.ratio for line in lines if line.artefact == first} == {1.0}
    assert {line.artefact for line in lines} > {first}


def test_a_decoder_is_measured_by_its_requests(classification: Path) -> None:
    lines, skipped = measured(classification.with_name("text-generation"), QUICK)
    assert {line.work for line in lines} == {"requests"}
    assert skipped[0].startswith("the network alone: a decoder's cost of a token depends on those before")


def test_a_named_target_is_measured_or_an_error(classification: Path, question_answering: Path) -> None:
    lines, _ = measured(classification.with_name("text-generation"), Plan(("portable",), (1,), (4,), 0.01))
    assert {line.artefact for line in lines} == {"portable fp32"}
    lines, _ = measured(classification.with_name("multiple-choice"), Plan(("auto",), (1,), (4,), 0.01))
    assert {line.artefact for line in lines} == {"cpu fp32"}
    with pytest.raises(BackendError, match="target 'cuda' was asked for, but the bundle holds"):
        measured(question_answering, Plan(("cuda",)))


def test_wrong_sizes_are_named_at_once() -> None:
    with pytest.raises(
        InputError, match=r"batches holds 0, .*; lengths holds 1, expected numbers of 2 or more; seconds"
    ):
        Plan(batches=(1, 0), lengths=(1,), seconds=0)


def test_the_command_prints_a_table_or_json(multiple_choice: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ["--batches", "1", "--lengths", "8", "--seconds", "0.01", "--threads", "1"]
    assert main([str(multiple_choice), *sizes]) == 0
    assert "1 x 8" in capsys.readouterr().out
    assert main([str(multiple_choice), *sizes, "--json", "--target", "cpu"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["threads"] == 1
    assert {line["artefact"] for line in record["times"]} == {"cpu fp32"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the following arguments are required: DIR"),
        (["nowhere"], "nowhere"),
        (["{bundle}", "--seconds", "0"], "seconds is 0.0, expected more than 0"),
        (["{bundle}", "--lengths", "x"], "got 'x', expected a whole number"),
        (["{bundle}", "--threads", "0"], "threads is 0, expected 1 to 1024"),
        (["{bundle}", "--target", "abacus"], "got 'abacus', expected one of auto, cpu"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    classification: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.format(bundle=classification) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.startswith("bert-bench: ")
    assert "Traceback" not in error
