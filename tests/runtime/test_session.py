"""A session answers in order, alone as in a batch, from many threads, and one bad request takes no other with it."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
import pytest
from tests.same import assert_same

from bert_runtime.backends.onnxruntime import OnnxRuntimeEngine
from bert_runtime.errors import BackendError, BundleError, InputError
from bert_runtime.loading import load
from bert_runtime.options import Options
from bert_runtime.schedule import BatchLimits
from bert_runtime.session import BULK_LOOKAHEAD, LOOKAHEAD, MAX_BUFFERED_TOKENS, Session
from bert_runtime.targets import ThreadLayout
from bert_runtime.tasks.question_answering import QUESTION_ANSWERING, QuestionAnsweringRequest
from bert_runtime.tasks.text_classification import TEXT_CLASSIFICATION

TEXTS = ["the film", "a", "", "a good film ! " * 20, "bad bad bad", "the a the a good", "xyz", "é 😀 !"]


@pytest.fixture(params=["latency", "throughput"])
def session(classification: Path, request: pytest.FixtureRequest) -> Iterator[Session[Any, Any]]:
    limits = BatchLimits(max_batch_tokens=40, max_batch_size=3)
    with load(classification, options=Options(threads=2, batch_limits=limits, mode=request.param)) as opened:
        yield opened


def ids(*shape: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.full(shape, 5, dtype=np.int64)


def scores(answer: Any) -> dict[str, float]:
    return {label.label: label.score for label in answer.labels}


def test_logits_are_those_that_torch_gave_for_the_golden_bundle(
    session: Session[Any, Any], classification: Path
) -> None:
    for case in json.loads(classification.with_suffix(".json").read_text()):
        for row in case["rows"]:
            feeds = {name: np.array([values], dtype=np.int64) for name, values in row["inputs"].items()}
            np.testing.assert_allclose(session.run(feeds)["logits"][0], row["outputs"]["logits"], atol=1e-5)


def test_batched_answers_equal_single_answers_in_input_order(session: Session[Any, Any]) -> None:
    for text, answer in zip(TEXTS, session.predict({"text": text} for text in TEXTS), strict=True):
        assert_same(answer, session({"text": text}), 1e-6)


def test_choices_of_different_number_and_length_batch_like_single_ones(multiple_choice: Path) -> None:
    requests = [
        {"prompt": "the film", "choices": ["good", "bad film", "a b c d e f g"]},
        {"prompt": "a", "choices": ["good", "bad"]},
        {"prompt": "the long film is long", "choices": ["a", "b c", "d"]},
    ]
    with load(multiple_choice) as session:
        for request, answer in zip(requests, session.predict(requests), strict=True):
            assert answer.scores == pytest.approx(session(request).scores, abs=1e-6)


def test_a_request_of_many_windows_gets_its_own_rows_back(question_answering: Path) -> None:
    letters = random.Random(3)
    contexts = [" ".join(letters.choices(ascii_lowercase, k=count)) for count in (3, 150, 1, 90, 31)]
    requests = [QuestionAnsweringRequest("what film", context, top_k=5) for context in contexts]
    with load(
        question_answering,
        QUESTION_ANSWERING,
        options=Options(batch_limits=BatchLimits(max_batch_tokens=64, max_batch_size=4)),
    ) as session:
        assert list(session.predict(requests)) == [session(request) for request in requests]


def test_a_stream_longer_than_the_lookahead_keeps_its_order(session: Session[Any, Any]) -> None:
    count = LOOKAHEAD + 3
    answers = list(session.predict({"text": "a" if i % 2 else "the film"} for i in range(count)))
    assert len(answers) == count
    for i in (0, 1, LOOKAHEAD - 1, LOOKAHEAD, LOOKAHEAD + 2):
        assert_same(answers[i], answers[i % 2], 1e-6)


def test_an_endless_stream_is_read_only_so_far_as_it_is_answered(session: Session[Any, Any]) -> None:
    read = itertools.count()
    next(session.predict({"text": "a"} for _ in read))
    assert next(read) <= max(LOOKAHEAD + 1, 2 * BULK_LOOKAHEAD * session._streams.count)


def test_long_texts_are_not_read_ahead_of_the_memory_for_their_tokens(question_answering: Path) -> None:
    read = itertools.count()
    context = "a film " * 5000
    with load(question_answering, QUESTION_ANSWERING) as session:
        tokens = session.prepare(QuestionAnsweringRequest("what", context)).encoded.tokens
        next(session.predict(QuestionAnsweringRequest("what", context) for _ in read))
    assert next(read) <= MAX_BUFFERED_TOKENS // tokens + 2 < LOOKAHEAD


def test_bulk_work_runs_in_as_many_streams_as_there_are_threads(
    classification: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting, met = threading.Barrier(2), list[bool]()
    with load(
        classification, options=Options(threads=2, mode="throughput", batch_limits=BatchLimits(max_batch_size=1))
    ) as session:
        run = session.engine.run

        def waiting(*arguments: Any) -> Any:
            meeting.wait(timeout=30)  # only a second run at the same time lets the first one go on
            met.append(True)
            return run(*arguments)

        monkeypatch.setattr(session.engine, "run", waiting)
        list(session.predict({"text": text} for text in ("a", "the film")))
    assert len(met) == 2


def test_bulk_work_of_one_thread_leaves_the_callers_own_to_encode(
    classification: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = set[int]()
    for mode, own in (("throughput", False), ("latency", True)):
        with load(classification, options=Options(threads=1, mode=mode)) as session:
            run = session.engine.run

            def noting(*arguments: Any, run: Any = run) -> Any:
                ran.add(threading.get_ident())
                return run(*arguments)

            monkeypatch.setattr(session.engine, "run", noting)
            list(session.predict({"text": text} for text in ("a", "the film")))
        assert (ran == {threading.get_ident()}) == own
        ran.clear()


def test_a_text_that_grows_token_by_token_has_no_bulk_mode(classification: Path) -> None:
    with pytest.raises(InputError, match="mode is 'throughput', expected latency"):
        load(classification.with_name("text-generation"), options=Options(mode="throughput"))


def test_throughput_shares_the_threads_among_runs() -> None:
    bulk = Options(threads=8, mode="throughput")
    assert {target: bulk.thread_layout(target) for target in ("cpu", "portable", "openvino", "cuda")} == {
        "cpu": ThreadLayout(1, 8),
        "portable": ThreadLayout(1, 8),
        "openvino": ThreadLayout(2, 4),
        "cuda": ThreadLayout(1, 2),
    }
    assert Options(threads=1, mode="throughput").thread_layout("openvino") == ThreadLayout(1, 1)
    assert Options(threads=8).thread_layout("cpu") == ThreadLayout(8, 0)


def test_wrong_options_are_named_at_once() -> None:
    with pytest.raises(InputError, match=r"threads is 0, expected 1 to 1024; mode is 'fast', expected one of auto"):
        Options(threads=0, mode="fast")


def test_an_empty_stream_has_no_answers(session: Session[Any, Any]) -> None:
    assert list(session.predict([])) == []


BAD: list[Any] = [{"text": 5}, {"tex": "a"}, 7, {"text": "\ud800"}]


def test_bad_requests_stand_in_their_place_with_their_index_and_take_no_other_along(session: Session[Any, Any]) -> None:
    requests = list(itertools.chain.from_iterable(zip(BAD, ({"text": text} for text in TEXTS), strict=False)))
    answers = list(session.predict(requests, errors="return"))
    assert [answer.index for answer in answers if isinstance(answer, InputError)] == [0, 2, 4, 6]
    for text, answer in zip(TEXTS, answers[1::2], strict=False):
        assert_same(answer, session({"text": text}), 1e-6)


def test_an_index_counts_over_the_whole_stream(session: Session[Any, Any]) -> None:
    requests: list[dict[str, object]] = [{"text": "a"}] * (LOOKAHEAD + 5)
    requests[LOOKAHEAD + 2] = {}
    (error,) = [answer for answer in session.predict(requests, errors="return") if isinstance(answer, InputError)]
    assert error.index == LOOKAHEAD + 2


def test_a_strict_stream_answers_all_before_the_bad_request_then_raises(session: Session[Any, Any]) -> None:
    answers = session.predict([{"text": "a"}, {"text": "the film"}, {"text": 1}, {"text": "bad"}])
    assert_same(next(answers), session({"text": "a"}), 1e-6)
    assert_same(next(answers), session({"text": "the film"}), 1e-6)
    with pytest.raises(InputError, match="request 2: text is 1"):
        next(answers)


def test_a_source_that_breaks_raises_its_own_error_after_what_it_gave_is_answered(session: Session[Any, Any]) -> None:
    def source() -> Iterator[dict[str, object]]:
        yield {"text": "a"}
        raise OSError("the disk went away")

    answers = session.predict(source())
    assert_same(next(answers), session({"text": "a"}), 1e-6)
    with pytest.raises(OSError, match="the disk went away"):
        next(answers)


def test_an_unknown_way_with_errors_is_refused_before_anything_is_read(session: Session[Any, Any]) -> None:
    with pytest.raises(InputError, match="expected 'raise' or 'return'"):
        session.predict([], errors="ignore")  # type: ignore[call-overload]  # what a caller without a type checker may do


def test_an_engine_error_comes_after_the_answers_before_it(session: Session[Any, Any]) -> None:
    class Broken:
        """The real engine, but the logits of texts that hold "xyz" are not numbers."""

        name = "broken"
        real = session.engine

        def run(self, feeds: Any, fetch: Any) -> Any:
            outputs = self.real.run(feeds, fetch)
            bad = (feeds["input_ids"] == session.text.token_id("[UNK]")).any(axis=1)
            outputs["logits"][bad] = np.nan
            return outputs

        def run_into(self, feeds: Any, outputs: Any) -> None:
            self.real.run_into(feeds, outputs)

        def close(self) -> None:
            self.real.close()

    session.engine = Broken()
    answers = session.predict([{"text": text} for text in ("the a the a the a", "日", "a")])
    assert scores(next(answers))
    with pytest.raises(BackendError, match="not finite"):
        next(answers)


def test_eight_threads_on_one_session_answer_as_one_does(session: Session[Any, Any]) -> None:
    expected = [session({"text": text}) for text in TEXTS]

    def stream(_: int) -> list[Any]:
        return list(session.predict({"text": text} for text in TEXTS))

    with ThreadPoolExecutor(8) as threads:
        for answers in threads.map(stream, range(24)):
            for answer, other in zip(answers, expected, strict=True):
                assert_same(answer, other, 1e-6)


def test_a_closed_session_says_so(classification: Path) -> None:
    with load(classification) as session:
        pass
    session.close()
    with pytest.raises(BackendError, match="the session is closed"):
        session({"text": "a"})


def test_run_names_every_problem_at_once(session: Session[Any, Any]) -> None:
    arrays: dict[str, Any] = {"input_ids": ids(1, 33), "attention_mask": ids(3).astype(np.int32), "ids": ids(1, 3)}
    with pytest.raises(InputError) as caught:
        session.run(arrays)
    assert caught.value.problems == (
        "attention_mask is int32 of shape (3,), expected int64 of (batch, sequence)",
        "unknown input 'ids'; the inputs are input_ids, attention_mask, token_type_ids",
        "input_ids has a sequence of 33, expected 1 to 32",
        "missing input 'token_type_ids'; the inputs are input_ids, attention_mask, token_type_ids",
    )


def test_run_refuses_inputs_whose_axes_differ(session: Session[Any, Any]) -> None:
    with pytest.raises(InputError) as caught:
        session.run({"input_ids": ids(2, 4), "attention_mask": ids(1, 5), "token_type_ids": ids(2, 4)})
    assert caught.value.problems == (
        "batch is 2 in input_ids, 1 in attention_mask, 2 in token_type_ids, expected one size",
        "sequence is 4 in input_ids, 5 in attention_mask, 4 in token_type_ids, expected one size",
    )


def test_run_refuses_what_is_no_array(session: Session[Any, Any]) -> None:
    arrays: dict[str, Any] = {"input_ids": [[1]], "attention_mask": ids(1, 1), "token_type_ids": ids(1, 1)}
    with pytest.raises(InputError, match="input_ids is list of shape"):
        session.run(arrays)


def test_an_id_outside_the_vocabulary_is_an_error_of_ours(session: Session[Any, Any]) -> None:
    feeds = {"input_ids": ids(1, 2) + 10_000, "attention_mask": ids(1, 2), "token_type_ids": ids(1, 2) * 0}
    with pytest.raises(BackendError, match="could not run the graph"):
        session.run(feeds)


def test_a_bundle_of_another_task_is_refused(question_answering: Path) -> None:
    with pytest.raises(BundleError, match="task is question-answering, expected text-classification"):
        load(question_answering, TEXT_CLASSIFICATION)


def test_a_target_that_the_bundle_lacks_never_falls_back(question_answering: Path) -> None:
    with pytest.raises(BackendError, match="'cuda' was asked for, but the bundle holds cpu"):
        load(question_answering, options=Options(target="cuda"))


def test_threads_below_one_are_refused() -> None:
    with pytest.raises(InputError, match="threads is 0, expected 1 to 1024"):
        Options(threads=0)


def test_a_file_that_is_no_graph_is_a_bundle_error(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(BundleError, match=r"^model\.onnx: onnxruntime .* cannot load it"):
        OnnxRuntimeEngine(path, 1)
