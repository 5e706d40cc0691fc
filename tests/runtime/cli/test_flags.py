"""A task's flags are its request's fields, for every task there is."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from bert_runtime.backends.options import GpuOptions
from bert_runtime.cli.command import add_flags, parse
from bert_runtime.cli.flags import add_request_flags, request_fields, summary
from bert_runtime.cli.gpu_flags import USED_BY
from bert_runtime.errors import InputError
from bert_runtime.field_text import flag_of
from bert_runtime.options import Options
from bert_runtime.schedule import BatchLimits
from bert_runtime.tasks import TASKS, find_task
from bert_runtime.tasks.request import Request


def fields(task: str, *arguments: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    add_request_flags(parser, find_task(task).request)
    return request_fields(parser.parse_args(arguments), find_task(task).request)


def spelled(example: Request) -> list[str]:
    """The flags that a person would write for a request."""
    arguments = []
    for field in dataclasses.fields(example):
        value, flag = getattr(example, field.name), flag_of(field.name)
        if isinstance(value, bool):
            arguments.append(flag if value else flag.replace("--", "--no-", 1))
        elif isinstance(value, tuple):
            arguments += [flag, *value]
        elif value is not None:
            arguments.append(f"{flag}={value}")
    return arguments


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_example_of_a_task_can_be_written_as_flags(task: Any) -> None:
    for example in task.examples:
        request = task.request.from_record(example)
        assert task.request.from_record(fields(task.name, *spelled(request))) == request


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_no_field_of_a_task_takes_the_name_of_a_general_flag(task: Any) -> None:
    parser = argparse.ArgumentParser()
    add_request_flags(parser, task.request)
    add_flags(parser)  # argparse raises where two flags share a name


def test_every_field_of_the_options_is_a_flag() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    names = {field.name for field in (*dataclasses.fields(Options), *dataclasses.fields(BatchLimits))}
    names -= {"batch_limits", "gpu", "revision"}  # fields of their own; DIR is org/name@revision
    assert names <= vars(parser.parse_args([])).keys()
    assert len(USED_BY) == len(dataclasses.fields(GpuOptions))


def test_how_work_is_cut_is_what_the_flags_say(classification: Path) -> None:
    flags = [
        "--max-batch-tokens",
        "100",
        "--max-batch-size",
        "7",
        "--max-padding",
        "0.5",
        "--pad-to-multiple-of",
        "16",
        "--max-wait",
        "0.25",
    ]
    assert parse([str(classification), "--text", "a", *flags]).options.batch_limits == BatchLimits(
        100, 7, 0.5, 16, 0.25
    )
    assert parse([str(classification), "--text", "a"]).options.batch_limits == BatchLimits()


def test_fields_without_a_flag_are_left_to_their_defaults() -> None:
    assert fields("qa", "--question", "who?") == {"question": "who?"}


def test_a_flag_can_be_switched_off() -> None:
    assert fields("qa", "--no-align-to-words", "--handle-no-answer") == {
        "align_to_words": False,
        "handle_no_answer": True,
    }


def test_a_list_takes_several_words_or_none() -> None:
    assert fields("mc", "--prompt", "p", "--choices", "a b", "c") == {"prompt": "p", "choices": ["a b", "c"]}
    assert fields("ner", "--ignore-labels") == {"ignore_labels": []}


def test_a_number_that_cannot_be_read_is_left_to_the_request_to_refuse() -> None:
    assert fields("fill-mask", "--text", "5", "--top-k", "many") == {"text": "5", "top_k": "many"}


def test_a_text_flag_reads_a_file_with_the_same_name_and_file(tmp_path: Path) -> None:
    path = tmp_path / "context.txt"
    path.write_text("é 😀\nline", encoding="utf-8-sig")
    assert fields("qa", "--context-file", str(path)) == {"context": "é 😀\nline"}


def test_a_text_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got --text and --text-file, expected one of them"):
        fields("seqcls", "--text", "a", "--text-file", str(tmp_path / "none"))


def test_a_text_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.txt: byte 1 is not UTF-8"):
        fields("seqcls", "--text-file", str(tmp_path / "latin.txt"))


def test_the_help_says_what_the_request_says_of_its_fields() -> None:
    parser = argparse.ArgumentParser()
    add_request_flags(parser, find_task("qa").request)
    text = " ".join(parser.format_help().split())
    assert "--max-answer-length N in tokens, before alignment to words. (default: 30)" in text
    assert "--question TEXT text; what goes beyond" in text


def test_a_summary_brackets_what_may_be_left_out() -> None:
    assert summary(find_task("seqcls")).startswith("text-classification = seqcls: --text [--text-pair] [--top-k]")
