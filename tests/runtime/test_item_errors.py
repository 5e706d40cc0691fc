"""What one item of a stream causes is that item's: it keeps its place and names its index, the others are answered."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.spoilt import BEYOND, NOT_A_NUMBER, spoil

from bert_runtime.errors import BackendError, InputError, InternalError, ItemError
from bert_runtime.loading import load
from bert_runtime.options import Options
from bert_runtime.schedule import BatchLimits
from bert_runtime.session import LOOKAHEAD, Session
from bert_runtime.tasks.question_answering import QuestionAnsweringRequest
from bert_runtime.tasks.text_classification import TextClassificationRequest

HEADS = (
    "feature-extraction",
    "multiple-choice",
    "next-sentence-prediction",
    "question-answering",
    "text-classification",
    "token-classification",
    "token-classification-by-mask",
)


@pytest.fixture(scope="session")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made: dict[str, Path] = {}
    folder = tmp_path_factory.mktemp("spoilt")

    def bundle(name: str) -> Path:
        if name not in made:
            made[name] = spoil(name, folder / name)
        return made[name]

    return bundle


@pytest.fixture(params=["latency", "throughput"])
def session(spoilt: Any, request: pytest.FixtureRequest) -> Iterator[Session[Any, Any]]:
    options = Options(threads=2, batch_limits=BatchLimits(max_batch_tokens=200, max_batch_size=5), mode=request.param)
    with load(spoilt("text-classification"), options=options) as opened:
        yield opened


class Raising(Mapping[str, object]):
    """A mapping whose own code is broken."""

    def __getitem__(self, name: str) -> object:
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("broken")

    def __len__(self) -> int:
        return 1


def shown(answers: list[Any]) -> list[Any]:
    """The index of each error, None for an answer."""
    return [answer.index if isinstance(answer, ItemError) else None for answer in answers]


def test_a_text_that_gives_nan_is_an_error_with_its_index(session: Session[Any, Any]) -> None:
    answers = list(session.predict([{"text": text} for text in ("a film", NOT_A_NUMBER, "bad")], errors="return"))
    assert shown(answers) == [None, 1, None]
    assert isinstance(answers[1], BackendError)
    assert str(answers[1]).startswith("request 1: ")
    assert "not finite" in str(answers[1])


def test_a_text_that_the_engine_refuses_takes_no_other_of_its_batch_with_it(session: Session[Any, Any]) -> None:
    texts = ["a film", f"bad {BEYOND}", "a bad", BEYOND, "the a"]
    answers = list(session.predict([{"text": text} for text in texts], errors="return"))
    assert shown(answers) == [None, 1, None, 3, None]
    assert "could not run the graph" in str(answers[1])


def test_a_strict_stream_raises_it_in_its_turn(session: Session[Any, Any]) -> None:
    for bad in (NOT_A_NUMBER, BEYOND):
        answers = session.predict({"text": text} for text in ("a film", "bad", bad, "a"))
        assert next(answers).labels
        assert next(answers).labels
        with pytest.raises(BackendError, match=r"^request 2: "):
            next(answers)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.filterwarnings("ignore:the bundle holds only cuda")
def test_every_head_answers_the_others(spoilt: Any, name: str) -> None:
    with load(spoilt(name)) as session:
        example = dict(session.task.examples[0])
        fields = [name for name, value in example.items() if isinstance(value, str)]

        def request(text: str) -> dict[str, object]:
            more = {"choices": [text, "a film"]} if "choices" in example else {}
            return {**example, **dict.fromkeys(fields, text), **more}

        texts = ["the film", NOT_A_NUMBER, f"a {BEYOND}", "a good film"]
        answers = list(session.predict([request(text) for text in texts], errors="return"))
        assert shown(answers) == [None, 1, 2, None]


def test_rows_that_texts_share_are_told_apart(spoilt: Any) -> None:
    pytest.importorskip("openvino")
    options = Options("openvino", threads=1, mode="throughput")
    with load(spoilt("text-classification-sequence-packing"), options=options) as session:
        assert session.packed is not None
        texts = ["the film", NOT_A_NUMBER, "a good film", BEYOND, "bad"] * 8
        answers = list(session.predict([{"text": text} for text in texts], errors="return"))
    assert [index is None for index in shown(answers)] == [True, False, True, False, True] * 8


def test_a_request_that_is_wrong_is_made_by_its_generator_and_refused_in_its_turn(question_answering: Path) -> None:
    asked = [("who", "a film"), ("", "a film"), ("who", " "), ("who", "the film")]
    with load(question_answering) as session:
        requests = (QuestionAnsweringRequest(question, context) for question, context in asked)
        answers = list(session.predict(requests, errors="return"))
        with pytest.raises(InputError, match="question is empty, expected text; context is empty"):
            session(QuestionAnsweringRequest("", ""))
    assert shown(answers) == [None, 1, 2, None]
    assert str(answers[1]) == "request 1: question is empty, expected text"


def test_a_mapping_that_raises_is_an_item(session: Session[Any, Any]) -> None:
    requests: list[Any] = [{"text": "a"}, Raising(), {"text": "bad"}]
    answers = list(session.predict(requests, errors="return"))
    assert shown(answers) == [None, 1, None]
    assert "the mapping cannot be read (RuntimeError: broken)" in str(answers[1])


@pytest.mark.parametrize("verb", ["encode", "decode"])
def test_a_fault_of_ours_is_named_as_one_and_is_the_items(
    session: Session[Any, Any], verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(session._head, verb)

    def faulty(request: TextClassificationRequest, *more: Any) -> Any:
        if request.text == "b":
            raise KeyError("x")
        if request.text == "c":
            raise MemoryError
        return real(request, *more)

    monkeypatch.setattr(session._head, verb, faulty)
    answers = list(session.predict([{"text": text} for text in "abcd"], errors="return"))
    assert shown(answers) == [None, 1, 2, None]
    assert isinstance(answers[1], InternalError)
    assert "KeyError: 'x' (test_item_errors.py, line " in str(answers[1])
    assert isinstance(answers[2], BackendError)
    assert "no memory" in str(answers[2])


class Engine:
    """A real engine that counts its runs and breaks after so many; or at once when it has so many rows."""

    def __init__(self, real: Any, good: float = float("inf"), rows: float = float("inf")) -> None:
        self.name, self.runs = "broken", 0
        self._real, self._good, self._rows = real, good, rows

    def run(self, feeds: Any, fetch: Any) -> Any:
        self.runs += 1
        if self.runs > self._good or len(feeds["input_ids"]) >= self._rows:
            raise BackendError("the device is lost")
        return self._real.run(feeds, fetch)

    def run_into(self, feeds: Any, outputs: Any) -> None:
        self._real.run_into(feeds, outputs)

    def close(self) -> None:
        self._real.close()


@pytest.mark.parametrize("errors", ["raise", "return"])
def test_an_engine_that_is_lost_ends_the_stream_after_the_answers_before(
    session: Session[Any, Any], errors: Any
) -> None:
    engine: Any = Engine(session.engine, good=4)
    session.engine = engine
    answers = session.predict(({"text": "a film " * (i % 9)} for i in itertools.count()), errors=errors)
    with pytest.raises(BackendError, match="the device is lost") as caught:
        all(answer.labels for answer in answers)
    assert caught.value.index is None
    assert engine.runs < 3000  # a chunk or two in which every batch fails, and not one run more for each request


def test_a_batch_that_fails_for_its_size_is_answered_item_by_item(session: Session[Any, Any]) -> None:
    expected = [session({"text": text}) for text in ("a", "b", "the film")]
    engine: Any = Engine(session.engine, rows=2)
    session.engine = engine
    assert list(session.predict([{"text": text} for text in ("a", "b", "the film")])) == expected


def test_a_session_that_is_closed_while_it_streams_says_so_in_its_turn(session: Session[Any, Any]) -> None:
    answers = session.predict({"text": "a"} for _ in itertools.count())
    assert next(answers).labels
    session.close()
    with pytest.raises(BackendError, match="the session is closed"):
        list(itertools.islice(answers, 20_000))


def test_errors_that_a_caller_keeps_hold_no_arrays(session: Session[Any, Any]) -> None:
    answers = list(session.predict([{"text": NOT_A_NUMBER}, {"text": BEYOND}, {"text": 5}], errors="return"))
    assert all(error.__traceback__ is error.__cause__ is error.__context__ is None for error in answers)


ITEMS: dict[str, Any] = {
    "good": {"text": "the good film"},
    "longer": {"text": "a bad film ! " * 3},
    "nan": {"text": f"a {NOT_A_NUMBER} film"},
    "refused": TextClassificationRequest(f"the film {BEYOND}"),
    "wrong": TextClassificationRequest("a", top_k=0),
    "no request": 5,
    "raising": Raising(),
}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.sampled_from(sorted(ITEMS)), max_size=40), as_list=st.booleans())
def test_any_mixture_gets_the_answers_of_one_by_one(
    session: Session[Any, Any], names: list[str], as_list: bool
) -> None:
    def alone(name: str) -> Any:
        try:
            return session(ITEMS[name])
        except ItemError as error:
            return error

    requests: list[Any] = [ITEMS[name] for name in names]
    answers: list[Any] = list(session.predict(requests if as_list else iter(requests), errors="return"))
    assert len(answers) == len(names)
    for i, (name, answer) in enumerate(zip(names, answers, strict=True)):
        expected = alone(name)
        if isinstance(expected, ItemError):
            assert isinstance(answer, type(expected))
            assert (answer.index, answer.problems) == (i, expected.problems)
        else:
            assert [label.label for label in answer.labels] == [label.label for label in expected.labels]
            assert [label.score for label in answer.labels] == pytest.approx(
                [label.score for label in expected.labels], abs=1e-6
            )


def test_a_long_stream_of_bad_items_loses_none(session: Session[Any, Any]) -> None:
    count = 2 * LOOKAHEAD + 7
    bad = np.random.default_rng(5).random(count) < 0.2
    answers = list(session.predict(({"text": NOT_A_NUMBER if is_bad else "a film"} for is_bad in bad), errors="return"))
    assert [isinstance(answer, ItemError) for answer in answers] == bad.tolist()
    assert [index for index in shown(answers) if index is not None] == np.flatnonzero(bad).tolist()
