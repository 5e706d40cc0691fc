"""Situations from public reports about running an exported encoder; docs/situations.md lists their sources."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runtime.cli.conftest import command_line, environment

from bert_runtime import Session, load
from bert_runtime.errors import InputError
from bert_runtime.text import TextEncoder

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"


@pytest.fixture(scope="module")
def tagger() -> Session[Any, Any]:
    """Labels at random, so that every word may be an entity; it reads 32 tokens."""
    return load(GOLDEN / "token-classification")


@pytest.fixture(scope="module")
def reader() -> Session[Any, Any]:
    return load(GOLDEN / "question-answering")


@pytest.fixture(scope="module")
def embedder() -> Session[Any, Any]:
    return load(GOLDEN / "feature-extraction")


def tagged(tagger: Session[Any, Any], text: str) -> list[str]:
    """What each label covers in the text as it was given: one string for each token of the model."""
    found = tagger({"text": text, "aggregation": "none", "ignore_labels": []}).entities
    return [text[each.start : each.end] for each in found]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the\tfilm\r\n\n  bad", ["the", "film", "bad"]),
        ("          the film", ["the", "film"]),
        ("\ufefffilm the", ["film", "the"]),
        ("👍🏽 the 😀 film", ["👍🏽", "the", "😀", "film"]),
        ("Br창n's film", ["Br창n", "'", "s", "film"]),
        ("the cafe\u0301\u0302 film", ["the", "cafe", "film"]),
    ],
    ids=["tab", "spaces", "mark", "emoji", "hangul", "accents"],
)
def test_places_are_characters_of_the_text_as_it_was_given(
    tagger: Session[Any, Any], text: str, words: list[str]
) -> None:
    """transformers.js#359, tner#23, elasticsearch#92329: white space, emoji and letters that come apart."""
    pieces = tagger.text.pieces(text)
    spans: dict[int, tuple[int, int]] = {}
    for (start, end), word in zip(pieces.offsets.tolist(), pieces.words.tolist(), strict=True):
        low, high = spans.get(word, (start, end))
        spans[word] = (min(low, start), max(high, end))
    assert [text[start:end] for start, end in spans.values()] == words
    assert "".join(tagged(tagger, text)) == "".join(words), "accents of their own belong to no token"


def test_entities_are_found_to_the_end_of_a_text_longer_than_the_model_reads(tagger: Session[Any, Any]) -> None:
    """GLiNER#378, parsbert-ner#2: what is behind the last position of the model."""
    text = "the film " * 40 + "good"
    assert tagged(tagger, text)[-1] == "good"
    assert len(tagged(tagger, text)) == len(tagger.text.pieces(text)) > tagger.text.max_length


def test_a_cut_text_says_so() -> None:
    """transformers#125: a classifier reads the first tokens of a long text."""
    with load(GOLDEN / "text-classification") as session:
        room = session.text.max_length - 2
        assert [session({"text": "a " * words}).truncated for words in (room, room + 1)] == [False, True]


def test_a_word_too_long_for_the_vocabulary_is_one_unknown_in_its_place(tagger: Session[Any, Any]) -> None:
    """transformers#11036: a long URL, which other tools leave without a label."""
    text = "the " + "x" * 5000 + " film"
    assert tagged(tagger, text) == text.split()


def test_no_answer_is_the_empty_text_with_its_score(reader: Session[Any, Any]) -> None:
    """transformers#14277, transformers#18719: no answer among the answers."""
    asked = {"question": "film?", "context": "a bad film", "handle_no_answer": True, "no_answer_threshold": -100.0}
    result = reader(asked)
    best = result.answers[0]
    assert (best.text, best.start, best.end, best.score) == ("", 0, 0, result.no_answer_score)
    assert all(answer.text for answer in reader(asked | {"no_answer_threshold": 100.0}).answers)


def test_an_empty_context_is_that_items_error(reader: Session[Any, Any]) -> None:
    """transformers#2623: one bad item among good ones."""
    asked = [{"question": "film?", "context": context} for context in ("a bad film", "", "a bad film")]
    answers: list[Any] = list(reader.predict(asked, errors="return"))
    first, second, third = answers
    assert isinstance(second, InputError)
    assert "request 1: context is empty" in str(second)
    assert first.answers[0].text == third.answers[0].text


@pytest.mark.parametrize("times", [3, 30])
def test_a_long_context_has_as_many_answers_as_are_asked_for(reader: Session[Any, Any], times: int) -> None:
    """transformers#38984: windows that overlap give the same answer twice, and fewer others than top_k."""
    context = "the good film is a bad film " * times
    answers = reader({"question": "film?", "context": context, "top_k": 20, "doc_stride": 4}).answers
    assert len({(answer.start, answer.end) for answer in answers}) == 20
    assert all(answer.text == context[answer.start : answer.end] for answer in answers)


def test_an_empty_text_has_the_vector_of_the_special_tokens(embedder: Session[Any, Any]) -> None:
    """llama_index#358, sycamore#943: empty texts among others."""
    ids = embedder.text.row(embedder.text.pieces("")).ids
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    expected = embedder.run({name: row[np.newaxis] for name, row in feeds.items()})["last_hidden_state"][0]
    assert embedder.record.settings.pooling == "mean"
    expected = expected.mean(axis=0)
    for found in embedder.predict([{"text": text} for text in ("", " ", "\n\t", "")]):
        np.testing.assert_allclose(found.vector, expected, rtol=1e-5, atol=1e-6)


def test_what_is_no_text_is_that_items_error(embedder: Session[Any, Any]) -> None:
    """rag_with_kg#1: an empty cell of a table is None or nan."""
    found = list(embedder.predict([{"text": "a"}, {"text": None}, {"text": float("nan")}], errors="return"))
    assert [str(each) for each in found[1:]] == [
        "request 1: text is None (NoneType), expected a string",
        "request 2: text is nan (float), expected a string",
    ]


RAW: list[tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = [
    (lambda feeds: {"input_ids": feeds["input_ids"]}, "missing input 'token_type_ids'"),
    (lambda feeds: {**feeds, "position_ids": feeds["input_ids"]}, "position_ids"),
    (lambda feeds: {name: ids.astype(np.int32) for name, ids in feeds.items()}, "is int32 of shape (1, 4), expected"),
    (lambda feeds: {name: ids.astype(np.float16) for name, ids in feeds.items()}, "is float16 of shape (1, 4), exp"),
    (lambda feeds: {name: np.repeat(ids, 10, axis=1) for name, ids in feeds.items()}, "of 40, expected 1 to 32"),
]


@pytest.mark.parametrize(("change", "told"), RAW, ids=["missing", "unknown", "int32", "float16", "long"])
def test_raw_arrays_are_refused_with_what_the_graph_expects(
    embedder: Session[Any, Any], change: Callable[[dict[str, Any]], dict[str, Any]], told: str
) -> None:
    """optimum#1500, onnxruntime#6389, transformers#15575, onnxruntime#2080: what the graph is fed."""
    feeds = {name: np.ones((1, 4), np.int64) for name in ("input_ids", "attention_mask", "token_type_ids")}
    with pytest.raises(InputError) as caught:
        embedder.run(change(feeds))
    assert told in str(caught.value)


def test_a_byte_order_mark_belongs_to_no_column(tmp_path: Path) -> None:
    """duckdb#2908, textql#69: what Excel writes as "CSV UTF-8"."""
    answers = []
    for name, mark in (("plain.csv", b""), ("excel.csv", b"\xef\xbb\xbf")):
        (tmp_path / name).write_bytes(mark + b"text,top_k\r\nthe film,2\r\n")
        line = command_line("bert-run", GOLDEN / "text-classification", "--input", tmp_path / name)
        answers.append(subprocess.run(line, capture_output=True, check=True, env=environment()).stdout)
    assert answers[0] == answers[1]
    assert set(json.loads(answers[0])) == {"label", "score", "truncated"}


def test_the_text_encoder_keeps_no_state_between_calls(tagger: Session[Any, Any]) -> None:
    """tokenizers#537: whoever sets truncation and padding for one call changes a tokenizer that others use."""
    text: TextEncoder = tagger.text
    long = text.pieces("film " * 100)
    assert len(text.truncate(long)[0]) < len(long) == len(text.pieces("film " * 100))
