"""Token for token what transformers' `generate` gives, on noise and on sentences."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
from tests.runtime.generation.conftest import Case
from tests.without_exporter import is_exporter_there

from bert_runtime import GenerationSettings
from bert_runtime.text import TextEncoder

if TYPE_CHECKING or is_exporter_there():
    import torch

pytestmark = pytest.mark.exporter

PROMPTS = ("the cat", "", "it rained", "the young king counted the", "unhappiness")
NEW = 16
GREEDY: list[dict[str, Any]] = [{}, {"repetition_penalty": 1.7}, {"repetition_penalty": 0.6}, {"eos": ""}, {"eos": "."}]
BEAMS: list[dict[str, Any]] = [
    {"num_beams": 2},
    {"num_beams": 4, "num_return_sequences": 4},
    {"num_beams": 3, "num_return_sequences": 2, "length_penalty": 2.0},
    {"num_beams": 3, "num_return_sequences": 3, "length_penalty": 0.0},
    {"num_beams": 3, "num_return_sequences": 3, "length_penalty": -1.0},
    {"num_beams": 2, "num_return_sequences": 2, "early_stopping": True},
    {"num_beams": 3, "num_return_sequences": 3, "early_stopping": True, "length_penalty": 2.0, "eos": "old"},
    {"num_beams": 4, "num_return_sequences": 3, "repetition_penalty": 1.5},
    {"num_beams": 3, "eos": ""},
    {"num_beams": 5, "num_return_sequences": 5, "eos": "."},
]


def expected(case: Case, prompts: tuple[str, ...], settings: GenerationSettings) -> list[list[tuple[int, ...]]]:
    """transformers' new tokens for each prompt: the prompts are one left padded batch."""
    rows = [[2, *case.text.pieces(prompt).ids.tolist()] for prompt in prompts]
    width = max(map(len, rows))
    ids = torch.tensor([[case.text.pad_id] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    shared = {field.name for field in fields(settings)} - {"seed", "eos", "special_tokens", "top_k", "temperature"}
    given = {name: getattr(settings, name) for name in shared - {"top_p"}}
    eos = eos_id(case.text, settings)
    found = case.model.generate(ids, attention_mask=mask, pad_token_id=0, eos_token_id=eos, **given)
    new = [until(row, eos) for row in found[:, width:].tolist()]
    count = settings.num_return_sequences
    return [new[i : i + count] for i in range(0, len(new), count)]


def eos_id(text: TextEncoder, settings: GenerationSettings) -> int | None:
    """[SEP] unless the settings name another entry, or none."""
    eos = "[SEP]" if settings.eos is None else settings.eos
    return text.token_id(eos) if eos else None


def until(ids: list[int], eos: int | None) -> tuple[int, ...]:
    """What follows the ending token is padding."""
    return tuple(ids[: ids.index(eos) + 1] if eos in ids else ids)


def found(case: Case, prompts: tuple[str, ...], settings: GenerationSettings) -> list[list[tuple[int, ...]]]:
    return [[text.token_ids for text in result.sequences] for result in case.session.generate(prompts, settings)]


@pytest.mark.parametrize("given", GREEDY + BEAMS, ids=str)
@pytest.mark.parametrize("weights", ["random", "trained"])
def test_a_batch_of_prompts_gives_the_tokens_of_transformers(
    weights: str, given: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    case: Case = request.getfixturevalue(weights)
    settings = GenerationSettings(max_new_tokens=NEW, **given)
    assert found(case, PROMPTS, settings) == expected(case, PROMPTS, settings)


@pytest.mark.parametrize("given", [{}, {"num_beams": 3, "num_return_sequences": 3}], ids=str)
@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_alone_gives_the_tokens_of_transformers(random: Case, prompt: str, given: dict[str, Any]) -> None:
    settings = GenerationSettings(max_new_tokens=NEW, **given)
    assert found(random, (prompt,), settings) == expected(random, (prompt,), settings)


def test_the_scores_of_beams_are_those_of_transformers(trained: Case) -> None:
    settings = GenerationSettings(max_new_tokens=NEW, num_beams=4, num_return_sequences=4)
    ids = torch.tensor([[2, *trained.text.pieces("the").ids.tolist()]])
    theirs = trained.model.generate(
        ids,
        max_new_tokens=NEW,
        num_beams=4,
        num_return_sequences=4,
        pad_token_id=0,
        eos_token_id=3,
        output_scores=True,
        return_dict_in_generate=True,
    )
    ours = [text.score for text in trained.session.generate("the", settings).sequences]
    assert ours == pytest.approx(theirs.sequences_scores.tolist(), abs=1e-5)


def test_the_trained_model_writes_sentences_that_end(trained: Case) -> None:
    (text,) = trained.session.generate("the young king", GenerationSettings(max_new_tokens=NEW)).sequences
    assert text.text.endswith(" in the tower.")
    assert text.finish_reason == "eos"
