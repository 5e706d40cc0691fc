"""What a session with an encoder takes, gives and refuses."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runtime.generation.conftest import Case
from tests.runtime.generation.cross.conftest import SOURCES, Pair, Pairs

from bert_runtime import (
    FEATURE_EXTRACTION,
    TEXT_GENERATION,
    BackendError,
    BundleError,
    Encoder,
    EncoderStates,
    GenerationSettings,
    InputError,
    Options,
    TextGenerationRequest,
    load,
)

pytestmark = pytest.mark.exporter

SHORT = GenerationSettings(max_new_tokens=6)


@pytest.fixture
def pair(pairs: Pairs) -> Pair:
    return pairs("trained")


def states(tokens: int = 3, width: int = 32, **given: Any) -> EncoderStates:
    return dataclasses.replace(EncoderStates.whole(np.ones((tokens, width), np.float32)), **given)


def test_a_text_and_the_states_that_the_encoder_says_of_it_give_the_same(pair: Pair) -> None:
    with load(pair.encoder, FEATURE_EXTRACTION) as session:
        read = Encoder(session)(SOURCES[1])
    of_text = pair.session.generate("the", SHORT, SOURCES[1])
    assert pair.session.generate("the", SHORT, read) == of_text
    record = {"hidden": read.hidden.tolist(), "mask": read.mask.tolist()}
    for source in (SOURCES[1], read, record, {"hidden": record["hidden"]}):
        assert pair.session({"prompt": "the", "encoder_text": source, "max_new_tokens": 6}) == of_text
    request = TextGenerationRequest("the", read, max_new_tokens=6)
    assert "".join(pair.session.stream(request)) == of_text.sequences[0].text


def test_a_text_is_streamed_as_its_source_says(pair: Pair) -> None:
    parts = list(pair.session.stream({"prompt": "", "encoder_text": "young king moon", "max_new_tokens": 12}))
    assert "".join(parts) == "the young king counted the moon in the tower."
    assert len(parts) > 8


def test_a_decoder_without_an_encoder_takes_states(pair: Pair) -> None:
    with load(pair.decoder, TEXT_GENERATION) as session:
        assert session.generate("the", SHORT, states()) == pair.session.generate("the", SHORT, states())
        with pytest.raises(
            InputError, match=r"encoder_text is a text and no encoder was loaded, expected EncoderStates: or"
        ):
            session.generate("the", SHORT, "cat")


WRONG: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"prompt": ""}, ("encoder_text is missing, expected the text, or the EncoderStates, that this decoder reads",)),
    (
        {"prompt": "", "encoder_text": states(width=31)},
        ("encoder_text.hidden has 31 numbers for a token, expected 32: give the states of this decoder's own encoder",),
    ),
    ({"prompt": "", "encoder_text": "the " * 31}, ("the source has 33 tokens, expected at most 32: shorten it",)),
    ({"prompt": "", "encoder_text": 7}, ("encoder_text is 7 (int), expected a string or EncoderStates",)),
    (
        {"prompt": "", "encoder_text": "\ud800"},
        ("encoder_text has a lone surrogate at character 0, expected text that UTF-8 can write",),
    ),
    (
        {"prompt": "the " * 31, "encoder_text": states(width=1)},
        (
            "the prompt has 32 tokens, expected at most 31, for the model reads 32: shorten it",
            "encoder_text.hidden has 1 numbers for a token, expected 32: give the states of this decoder's own encoder",
        ),
    ),
    (
        {"prompt": "", "encoder_text": {"states": []}},
        (
            "missing field 'encoder_text.hidden'; the fields are hidden, mask",
            "unknown field 'encoder_text.states'; the fields are hidden, mask",
        ),
    ),
    (
        {"prompt": "", "encoder_text": {"hidden": [["1"] * 32]}},
        ("encoder_text.hidden is no list of numbers, expected one of equally long lists, one for each token",),
    ),
    (
        {"prompt": "", "encoder_text": {"hidden": [[1.0], [1.0, 2.0]]}},
        ("encoder_text.hidden is no list of numbers, expected one of equally long lists, one for each token",),
    ),
    (
        {"prompt": "", "encoder_text": {"hidden": [[1.0]], "mask": [1.5]}},
        ("encoder_text.mask is no list of integers, expected one with one entry for each token",),
    ),
    (
        {"prompt": "", "encoder_text": {"hidden": [[1.0]], "mask": [True]}},
        ("encoder_text.mask is no list of integers, expected one with one entry for each token",),
    ),
    (
        {"prompt": "", "encoder_text": {"hidden": [[1e60] * 32]}},
        ("encoder_text.hidden holds values that are NaN or infinite, expected finite numbers",),
    ),
]


@pytest.mark.parametrize(("request_", "problems"), WRONG, ids=lambda value: str(value)[:60])
def test_a_source_that_cannot_be_read_is_refused_with_every_problem(
    pair: Pair, request_: dict[str, Any], problems: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        pair.session({"max_new_tokens": 1, **request_})
    assert caught.value.problems == problems
    good = {"prompt": "", "encoder_text": "cat", "max_new_tokens": 2}
    answers = list(pair.session.predict([good, {"max_new_tokens": 1, **request_}, good], errors="return"))
    assert [isinstance(answer, InputError) for answer in answers] == [False, True, False]


ONE_TEXT = "one text, no batch axis"
HIDDEN, MASK = np.ones((3, 4), np.float32), np.ones(3, np.int64)
NONE: list[tuple[Any, Any, str]] = [
    (
        HIDDEN[None],
        MASK,
        f"encoder_text.hidden is float32 of shape (1, 3, 4), expected float32 of (source, hidden): {ONE_TEXT}",
    ),
    (
        HIDDEN.astype(np.float64),
        MASK,
        f"encoder_text.hidden is float64 of shape (3, 4), expected float32 of (source, hidden): {ONE_TEXT}",
    ),
    ([[1.0]], MASK[:1], f"encoder_text.hidden is list of shape ?, expected float32 of (source, hidden): {ONE_TEXT}"),
    (HIDDEN, MASK.astype(bool), f"encoder_text.mask is bool of shape (3,), expected int64 of (source): {ONE_TEXT}"),
    (HIDDEN[:0], MASK[:0], "encoder_text.hidden has the shape (0, 4), expected one token at least"),
    (HIDDEN, MASK[:2], "encoder_text.mask has 2 entries for 3 rows of encoder_text.hidden, expected one for each"),
    (HIDDEN, 0 * MASK, "encoder_text.mask hides every token, expected 1 for one at least: there is nothing to read"),
    (HIDDEN, 2 * MASK, "encoder_text.mask holds other values than 0 and 1, expected 1 for a token and 0 for padding"),
    (HIDDEN * np.nan, MASK, "encoder_text.hidden holds values that are NaN or infinite, expected finite numbers"),
]


@pytest.mark.parametrize(("hidden", "mask", "problem"), NONE, ids=range(len(NONE)))
def test_states_that_are_none_are_refused_when_it_is_their_turn(hidden: Any, mask: Any, problem: str) -> None:
    with pytest.raises(InputError) as caught:
        TextGenerationRequest("the", EncoderStates(hidden, mask)).check()
    assert caught.value.problems == (problem,)


def test_a_source_for_a_decoder_that_reads_none_is_refused(trained: Case) -> None:
    with pytest.raises(InputError, match="encoder_text is given, expected none: this decoder reads no encoder"):
        trained.session.generate("the cat", SHORT, states())


@pytest.mark.parametrize(
    ("prompts", "source", "problem"),
    [
        ("the", ["cat"], "encoder_text is a list for one prompt, expected a text or EncoderStates"),
        (["the", "a"], "cat", "encoder_text is no list for 2 prompts, expected a list with one for each"),
        (["the", "a"], ["cat"], "encoder_text is 1 entries for 2 prompts, expected a list with one for each"),
    ],
)
def test_as_many_sources_as_prompts(pair: Pair, prompts: Any, source: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        pair.session.generate(prompts, SHORT, source)


def test_an_encoder_beside_a_bundle_that_reads_none_is_refused(pair: Pair) -> None:
    with pytest.raises(InputError, match=r"an encoder is given \(.*\), expected none: the bundle in .* reads no enc"):
        load(pair.encoder, options=Options(encoder=pair.encoder))


def test_an_encoder_of_another_task_is_refused(pair: Pair) -> None:
    with pytest.raises(BundleError, match="the bundle's task is text-generation, expected feature-extraction"):
        load(pair.decoder, options=Options(encoder=pair.decoder))


def test_an_encoder_of_another_width_is_refused(pair: Pair) -> None:
    golden = Path(__file__).parents[3] / "golden" / "v1" / "feature-extraction"
    with pytest.raises(BundleError, match="the encoder says 16 numbers of a token, expected 32, which this decoder"):
        load(pair.decoder, options=Options(encoder=golden))


def test_the_raw_level_has_both_graphs(pair: Pair) -> None:
    session = pair.session
    cross = session.run_source({"encoder_hidden_states": np.ones((1, 5, 32), np.float32)})
    assert {array.shape for array in cross.values()} == {(1, 2, 5, 16)}
    past = {spec.name: np.zeros((2, 2, 0, 16), np.float32) for spec in session.artefact.inputs if "past" in spec.axes}
    ids = np.array([[2], [2]])
    feeds = {"input_ids": ids, "attention_mask": ids // 2, "encoder_attention_mask": np.ones((1, 5), np.int64)}
    assert session.run({**feeds, **past, **cross})["logits"].shape == (2, pair.text.vocabulary_size)


def test_the_raw_level_refuses_sources_that_do_not_fit(pair: Pair, trained: Case) -> None:
    session = pair.session
    with pytest.raises(InputError, match=r"has the shape \(1, 0, 32\), expected a source of one token at least"):
        session.run_source({"encoder_hidden_states": np.ones((1, 0, 32), np.float32)})
    cross = session.run_source({"encoder_hidden_states": np.ones((2, 5, 32), np.float32)})
    past = {spec.name: np.zeros((3, 2, 0, 16), np.float32) for spec in session.artefact.inputs if "past" in spec.axes}
    ids, mask = np.full((3, 1), 2), np.ones((2, 5), np.int64)
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "encoder_attention_mask": mask, **past, **cross}
    with pytest.raises(InputError, match="batch is 3 with 2 sources, expected a multiple"):
        session.run(feeds)
    with pytest.raises(InputError, match="this decoder reads no encoder"):
        trained.session.run_source({})


def test_closing_the_session_closes_its_encoder(pair: Pair) -> None:
    session = load(pair.decoder, TEXT_GENERATION, options=Options(encoder=pair.encoder))
    session.close()
    for source in ("cat", states()):
        with pytest.raises(BackendError, match="the session is closed"):
            session.generate("", SHORT, source)
