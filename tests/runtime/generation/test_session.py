"""The session: streams, batches, draws, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.runtime.generation.conftest import Case
from tests.runtime.generation.test_oracle import PROMPTS

from bert_runtime import BackendError, GenerationSettings, InputError, TextGenerationRequest
from bert_runtime.generation.batches import Extent, plan, size
from bert_runtime.schedule import BatchLimits
from bert_runtime.tasks.text_generation import EncoderStates, TextGenerationHead

pytestmark = pytest.mark.exporter

SAMPLING = {"max_new_tokens": 12, "do_sample": True, "temperature": 1.5, "seed": 3}


@pytest.mark.parametrize("given", [{}, SAMPLING, {"eos": ""}, {"special_tokens": "both"}], ids=str)
@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("weights", ["random", "trained"])
def test_streamed_parts_join_to_the_text(
    weights: str, prompt: str, given: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    case: Case = request.getfixturevalue(weights)
    asked = {"prompt": prompt, "max_new_tokens": 16, **given}
    (text,) = case.session(asked).sequences
    assert "".join(case.session.stream(asked)) == text.text


def test_a_stream_gives_its_first_part_before_it_has_the_rest(trained: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    engine = trained.session.engine
    run_into = engine.run_into

    def counted(*given: Any) -> None:
        runs.append(1)
        run_into(*given)

    monkeypatch.setattr(engine, "run_into", counted)
    parts = trained.session.stream({"prompt": "the cat", "max_new_tokens": 16})
    assert next(parts) == " chased"
    assert len(runs) == 1


def test_a_piece_that_continues_a_word_is_joined_to_the_prompt(trained: Case) -> None:
    (text,) = trained.session.generate("unhappi", GenerationSettings(max_new_tokens=3)).sequences
    assert text.text.startswith("ness and")


def test_requests_of_different_settings_share_a_batch_and_keep_their_answers(trained: Case) -> None:
    requests: list[dict[str, object]] = [
        {"prompt": "the cat", "max_new_tokens": 9},
        {"prompt": "the girl painted", "max_new_tokens": 3, "num_beams": 3, "num_return_sequences": 2},
        {"prompt": "it", **SAMPLING, "num_return_sequences": 3},
        {"prompt": "", "max_new_tokens": 12, "repetition_penalty": 1.5},
    ]
    alone = [trained.session(request) for request in requests]
    together = list(trained.session.predict(requests))
    assert [tokens(result) for result in together] == [tokens(result) for result in alone]


def test_equal_seeds_give_equal_texts_and_the_draws_of_one_request_differ(random: Case) -> None:
    asked = {"prompt": "the", **SAMPLING, "num_return_sequences": 5}
    first, second = random.session(asked), random.session(asked)
    assert tokens(first) == tokens(second)
    assert len(set(tokens(first))) > 1
    assert tokens(random.session({**asked, "seed": 4})) != tokens(first)


def test_without_a_seed_draws_differ(random: Case) -> None:
    asked = {"prompt": "the", **SAMPLING, "seed": None, "top_k": 0, "temperature": 100.0}
    assert tokens(random.session(asked)) != tokens(random.session(asked))


def test_top_k_of_one_draws_the_most_probable_token(random: Case) -> None:
    greedy = random.session({"prompt": "the", "max_new_tokens": 12})
    assert tokens(random.session({"prompt": "the", **SAMPLING, "top_k": 1})) == tokens(greedy)


def test_a_text_says_why_it_ended(trained: Case) -> None:
    reasons = [
        trained.session({"prompt": "the cat", "max_new_tokens": count}).sequences[0].finish_reason for count in (3, 16)
    ]
    assert reasons == ["length", "eos"]


def test_the_prompt_is_cls_and_the_text_unless_asked_otherwise(random: Case) -> None:
    ids = random.text.pieces("the cat").ids.tolist()
    encode = random.session.task.head(random.text, random.session.record.settings).encode

    def prompt(**given: Any) -> list[int]:
        made: list[int] = encode(TextGenerationRequest("the cat", max_new_tokens=1, **given)).features[0].ids.tolist()
        return made

    assert prompt() == [2, *ids]
    assert prompt(special_tokens="none") == ids
    assert prompt(special_tokens="both") == [2, *ids, 3]


WRONG: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"max_new_tokens": 0}, ("max_new_tokens is 0, expected at least 1",)),
    (
        {"num_beams": 0, "temperature": 0.0, "top_k": -1, "top_p": 0.0, "seed": -1, "repetition_penalty": -2.0},
        (
            "num_beams is 0, expected 1 to 1024",
            "temperature is 0.0, expected more than 0; for the most probable token leave do_sample out",
            "repetition_penalty is -2.0, expected more than 0",
            "top_k is -1, expected 0 (all tokens) or more",
            "top_p is 0.0, expected more than 0 and at most 1 (all tokens)",
            "seed is -1, expected 0 or more",
        ),
    ),
    (
        {"do_sample": True, "num_return_sequences": 10**9},
        ("num_return_sequences is 1000000000, expected 1 to 1024",),
    ),
    ({"top_p": 1.1}, ("top_p is 1.1, expected more than 0 and at most 1 (all tokens)",)),
    ({"special_tokens": "all"}, ("special_tokens is 'all', expected one of start, none, both",)),
    (
        {"num_return_sequences": 3, "num_beams": 2},
        ("num_return_sequences is 3 with num_beams 2, expected at most num_beams: raise num_beams, or set do_sample",),
    ),
    (
        {"do_sample": True, "num_beams": 2},
        ("do_sample with num_beams 2, expected one of them: beams are not drawn",),
    ),
]


@pytest.mark.parametrize(("given", "problems"), WRONG, ids=str)
def test_settings_that_contradict_themselves_are_refused_all_at_once(
    given: dict[str, Any], problems: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        TextGenerationRequest("the", **given).check()
    assert caught.value.problems == problems


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"prompt": "the " * 31},
            "the prompt has 32 tokens, expected at most 31, for the model reads 32: shorten it",
        ),
        (
            {"prompt": "the cat", "max_new_tokens": 30},
            "max_new_tokens is 30 after a prompt of 3 tokens, expected at most 29: the model reads 32",
        ),
        (
            {"prompt": " ", "special_tokens": "none", "max_new_tokens": 1},
            "the prompt holds no token, expected one at least: write a text, or set special_tokens to start",
        ),
        (
            {"prompt": "the", "eos": "[END]", "max_new_tokens": 1},
            "eos '[END]' is not in the vocabulary, expected one of its entries, or ''",
        ),
    ],
)
def test_what_the_model_cannot_continue_is_refused(random: Case, given: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        random.session(given)
    assert caught.value.problems == (problem,)


def test_the_longest_text_that_fits_is_written(random: Case) -> None:
    (text,) = random.session({"prompt": "the cat", "max_new_tokens": 29, "eos": ""}).sequences
    assert len(text.token_ids) == 29


def test_a_prompt_that_is_refused_takes_no_other_with_it(trained: Case) -> None:
    asked = [{"prompt": prompt, "max_new_tokens": 8} for prompt in ("the cat", "the " * 40, "the girl")]
    answers = list(trained.session.predict(asked, errors="return"))
    assert [isinstance(answer, InputError) for answer in answers] == [False, True, False]
    with pytest.raises(InputError, match="request 1: the prompt has 41 tokens"):
        trained.session.generate([str(request["prompt"]) for request in asked], GenerationSettings(max_new_tokens=8))


def test_beams_are_not_streamed(random: Case) -> None:
    with pytest.raises(InputError, match="streaming with num_beams 2 and num_return_sequences 1, expected 1 of both"):
        random.session.stream({"prompt": "the", "num_beams": 2, "max_new_tokens": 4})


def test_an_engine_that_fails_is_an_error_of_its_own(random: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def nan(_: object, outputs: dict[str, Any]) -> None:
        for output in outputs.values():
            output[...] = float("nan")

    monkeypatch.setattr(random.session.engine, "run_into", nan)
    with pytest.raises(BackendError, match="values of 'logits' are NaN or infinite"):
        random.session({"prompt": "the", "max_new_tokens": 4})


@pytest.mark.parametrize("source", [0, 5])
def test_batches_hold_every_request_once_within_the_budget(source: int) -> None:
    asked = [
        Extent(GenerationSettings(max_new_tokens=1 + i % 7, num_beams=1 + i % 3), 1 + i % 11, source) for i in range(60)
    ]
    limits = BatchLimits(max_batch_tokens=100, max_batch_size=9)
    batches = plan(asked, limits)
    assert sorted(i for batch in batches for i in batch) == list(range(60))
    for batch in batches:
        rows, count = size([asked[i] for i in batch])
        assert len(batch) == 1 or (rows <= 9 and count + source * len(batch) <= 100)
    assert len(batches) < 30


def tokens(result: Any) -> list[tuple[int, ...]]:
    return [text.token_ids for text in result.sequences]


def test_a_score_that_is_not_finite_is_its_own_requests_error(trained: Case) -> None:
    fields = {"prompt": "the cat", "num_beams": 2, "max_new_tokens": 4}
    penalties = (1.0, -1e300, 1e300, -400.0)
    answers = list(trained.session.predict([{**fields, "length_penalty": n} for n in penalties], errors="return"))
    assert [isinstance(answer, InputError) for answer in answers] == [False, True, False, True]
    assert "length_penalty is -1e+300, expected a number nearer to 0" in str(answers[1])


def test_the_tokens_of_a_source_count_among_those_held(trained: Case) -> None:
    states = EncoderStates.whole(np.zeros((7, 4), np.float32))
    prompt = TextGenerationHead(trained.session.text, trained.session.record.settings).encode(
        TextGenerationRequest("the cat", max_new_tokens=1)
    )
    assert replace(prompt, source=states).tokens == prompt.tokens + 7
