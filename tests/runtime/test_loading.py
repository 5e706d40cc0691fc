"""What `load` and its options are given: each value works, or is refused with what was got and what was expected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert_runtime.backends.options import GpuOptions
from bert_runtime.backends.profile import Profile
from bert_runtime.errors import BundleError, InputError
from bert_runtime.loading import load
from bert_runtime.options import MOST_THREADS, Options
from bert_runtime.schedule import BatchLimits
from bert_runtime.session import Session
from bert_runtime.tasks.text_classification import TEXT_CLASSIFICATION

untyped_load: Any = load
"""As a caller without a type checker may call it."""


@pytest.fixture(scope="module")
def session(classification: Path) -> Session[Any, Any]:
    return load(classification)


@pytest.mark.parametrize("task", ["seqcls", "text-classification", TEXT_CLASSIFICATION])
def test_a_task_is_named_by_its_name_its_alias_or_its_value(classification: Path, task: Any) -> None:
    with load(str(classification), task) as session:
        assert session.task is TEXT_CLASSIFICATION


def test_a_bundle_of_another_task_than_the_named_one_is_refused(classification: Path) -> None:
    with pytest.raises(BundleError, match="task is text-classification, expected question-answering"):
        load(classification, "qa")


@pytest.mark.parametrize(
    ("arguments", "options", "told"),
    [
        ((123,), None, ["path is 123 (int), expected a string or a path"]),
        ((None,), None, ["path is None (NoneType), expected a string or a path"]),
        ((b"raw",), None, ["path is b'raw' (bytes), expected a string or a path"]),
        (("",), None, ["path is '' (str), expected a path"]),
        (("a\0b",), None, ["path is 'a\\x00b' (str), expected a path without NUL characters"]),
        (("d", "q"), None, ["unknown task 'q'; the tasks are pretraining"]),
        (
            ("d", 7),
            None,
            ["task is 7 (int), expected a task's name such as 'qa', or a task such as QUESTION_ANSWERING"],
        ),
        (("d",), {}, ["options is {} (dict), expected bert_runtime.Options: give them as in Options(threads=2)"]),
        ((None, "q"), "x", ["path is None", "options is 'x' (str)", "unknown task 'q'"]),
    ],
)
def test_a_wrong_argument_is_named_with_all_others(arguments: tuple[Any, ...], options: Any, told: list[str]) -> None:
    with pytest.raises(InputError) as raised:
        untyped_load(*arguments, options=options)
    assert len(raised.value.problems) == len(told)
    assert all(problem.startswith(start) for problem, start in zip(raised.value.problems, told, strict=True))


OPTIONS = [
    (Options, {"threads": "2"}, "threads is '2' (str), expected a value of type int"),
    (Options, {"threads": 2.5}, "threads is 2.5 (float), expected a value of type int"),
    (Options, {"threads": True}, "threads is True (bool), expected a value of type int"),
    (Options, {"threads": MOST_THREADS + 1}, "threads is 1025, expected 1 to 1024"),
    (Options, {"threads": 10**5000}, "threads is too large to show, expected 1 to 1024"),
    (Options, {"target": "tpu"}, "target is 'tpu', expected one of auto, cpu, cuda, openvino, portable, tensorrt"),
    (Options, {"target": None}, "target is None (NoneType), expected one of auto, cpu"),
    (
        Options,
        {"batch_limits": None},
        "batch_limits is None (NoneType), expected a value of type BatchLimits: make one with BatchLimits(…)",
    ),
    (
        Options,
        {"batch_limits": {"max_batch_tokens": 3}},
        "batch_limits is {'max_batch_tokens': 3} (dict), expected a value of type BatchLimits",
    ),
    (Options, {"gpu": "0"}, "gpu is '0' (str), expected a value of type GpuOptions: make one with GpuOptions(…)"),
    (Options, {"mode": None}, "mode is None (NoneType), expected one of auto, latency, throughput"),
    (Options, {"mode": ["latency"]}, "mode is ['latency'] (list), expected one of auto, latency, throughput"),
    (Options, {"mode": np.array([1, 2])}, "mode is array([1, 2]) (ndarray), expected one of auto"),
    (Options, {"cache": 5}, "cache is 5 (int), expected a string or a path"),
    (Options, {"cache": ""}, "cache is '' (str), expected a path"),
    (Options, {"cache": "a\0"}, "expected a path without NUL characters"),
    (Options, {"encoder": 5}, "encoder is 5 (int), expected a string or a path"),
    (Options, {"revision": 5}, "revision is 5 (int), expected a string"),
    (BatchLimits, {"max_batch_tokens": "9"}, "max_batch_tokens is '9' (str), expected a value of type int"),
    (BatchLimits, {"max_batch_size": None}, "max_batch_size is None (NoneType), expected a value of type int"),
    (BatchLimits, {"max_padding": float("nan")}, "max_padding is nan (float), expected a finite number"),
    (BatchLimits, {"max_wait": "soon"}, "max_wait is 'soon' (str), expected a finite number"),
    (BatchLimits, {"pad_to_multiple_of": 0}, "pad_to_multiple_of is 0, expected at least 1"),
    (GpuOptions, {"device": "0"}, "gpu.device is '0' (str), expected a value of type int"),
    (GpuOptions, {"memory_limit": 1.5}, "gpu.memory_limit is 1.5 (float), expected a value of type int"),
    (GpuOptions, {"arena": "big"}, "gpu.arena is 'big', expected one of kNextPowerOfTwo, kSameAsRequested"),
    (GpuOptions, {"graphs": ((1,),)}, "gpu.graphs[0] is (1,) (tuple), expected a tuple of 2"),
    (GpuOptions, {"graphs": 8}, "gpu.graphs is 8 (int), expected a tuple"),
    (GpuOptions, {"graphs": ((1, "8"),)}, "gpu.graphs[0][1] is '8' (str), expected a value of type int"),
    (GpuOptions, {"profile": {}}, "gpu.profile is {} (dict), expected a value of type Profile"),
    (Profile, {"axes": None}, "profile: axes is None (NoneType), expected a mapping"),
    (Profile, {"axes": {"batch": (1, 2)}}, "profile: axes['batch'] is (1, 2) (tuple), expected a tuple of 3"),
]


@pytest.mark.parametrize(("options", "fields", "told"), OPTIONS)
def test_a_wrong_option_is_an_input_error_that_names_it(options: Any, fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as raised:
        options(**fields)
    assert len(raised.value.problems) == 1
    assert told in raised.value.problems[0]


def test_all_wrong_options_are_told_at_once() -> None:
    wrong: Any = {"threads": "2", "mode": "fast", "batch_limits": None, "cache": 1}
    with pytest.raises(InputError) as raised:
        Options(**wrong)
    assert [problem.split()[0] for problem in raised.value.problems] == ["threads", "batch_limits", "cache", "mode"]


def test_what_means_the_same_is_taken() -> None:
    threads: Any = np.int64(2)
    assert Options(threads=threads) == Options(threads=2)
    assert type(Options(threads=threads).threads) is int
    sizes: Any = {"max_batch_tokens": np.int32(5), "max_padding": np.float32(0.5), "max_wait": 1}
    assert BatchLimits(**sizes) == BatchLimits(5, max_padding=0.5, max_wait=1)
    graphs: Any = [[1, np.int64(128)]]
    assert GpuOptions(graphs=graphs) == GpuOptions(graphs=((1, 128),))


def test_a_cache_named_by_a_text_loads(classification: Path, tmp_path: Path) -> None:
    with load(classification, options=Options(cache=str(tmp_path / "compiled"))) as session:
        assert session({"text": "a"}).labels


def test_a_cache_in_the_bundle_is_refused_however_it_is_named(classification: Path) -> None:
    with pytest.raises(InputError, match="lies in the bundle"):
        load(classification, options=Options(cache=str(classification / "cache")))


def test_a_text_alone_is_a_request_where_one_is_needed(session: Session[Any, Any]) -> None:
    assert session("a good film") == session({"text": "a good film"})
    assert list(session.predict(["a", {"text": "b"}])) == list(session.predict([{"text": "a"}, {"text": "b"}]))


def test_a_text_alone_is_refused_where_more_is_needed(question_answering: Path) -> None:
    with (
        load(question_answering, "qa") as session,
        pytest.raises(
            InputError, match=r"is a text, expected a QuestionAnsweringRequest .* needs question and context"
        ),
    ):
        session("who?")


@pytest.mark.parametrize("requests", ["a text", b"raw", {"text": "a"}, 5, None])
def test_one_request_in_place_of_a_stream_is_refused(session: Session[Any, Any], requests: Any) -> None:
    with pytest.raises(InputError, match="expected an iterable of requests; for one request call the session itself"):
        session.predict(requests)


def test_numbers_of_numpy_are_numbers(session: Session[Any, Any]) -> None:
    expected = session({"text": "a", "top_k": 1})
    assert session({"text": "a", "top_k": np.int64(1)}) == expected
    one: Any = np.int64(1)
    assert session(TEXT_CLASSIFICATION.request("a", top_k=one)) == expected
    with pytest.raises(InputError, match="top_k is '3'"):
        session({"text": "a", "top_k": "3"})
    with pytest.raises(InputError, match=r"top_k is 1\.0 \(float\)"):
        session({"text": "a", "top_k": np.float64(1)})


def test_what_generate_cannot_read_is_named_at_once(classification: Path) -> None:
    with load(classification.with_name("text-generation"), "lm") as session:
        generate: Any = getattr(session, "generate")  # noqa: B009 - of the session of this task
        with pytest.raises(
            InputError, match=r"settings is \{'top_k': 1\} \(dict\), .*; prompts is 5 \(int\), expected a text"
        ):
            generate(5, {"top_k": 1})
