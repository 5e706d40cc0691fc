"""Each task in the page: what a person sees is what the server answers to what the page asked."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect
from tests.serving.conftest import TASKS, Running
from tests.serving.page.conftest import OpenTab, Tab

EMOJI = "👩‍💻🎉 Ada Lovelace wrote the first program in London."


def percent(score: float) -> str:
    return f"{100 * score:.{3 if score < 0.001 else 1}f} %"


def ask(tab: Tab, server: Running, task: str) -> tuple[dict[str, Any], Any]:
    """The request that the page sends once it is asked, and the server's own answer to it."""
    request = tab.answer()
    return request, server.post(f"/v1/models/{task}:predict", request).json


def names(tab: Tab) -> list[str]:
    return [name for name, _ in tab.bars()]


def test_every_task_has_an_example_that_is_answered(tab: Tab, server: Running) -> None:
    for task in TASKS:
        tab.choose(task)
        if task == "text-generation":
            tab.fill("max_new_tokens", "6")  # the golden decoder reads few tokens
        tab.answer()
        model = server.get(f"/v1/models/{task}").json
        artefact = f"{model['target']} {model['precision']}, {model['engine']}"
        expect(tab.page.locator("#measured")).to_contain_text(f" ms {artefact}")
    assert tab.complaints == []


def test_entities_are_marked_where_they_are_also_after_emoji(tab: Tab, server: Running) -> None:
    tab.choose("token-classification")
    tab.fill("text", EMOJI)
    _, answer = ask(tab, server, "token-classification")
    assert len(answer["entities"]) > 1
    marks = tab.page.locator("#answer mark")
    assert marks.all_inner_texts() == [f"{each['text']}{each['label']}" for each in answer["entities"]]
    assert [value for _, value in tab.bars()] == [percent(each["score"]) for each in answer["entities"]]
    shown = tab.page.locator("#answer .text").evaluate(
        "p => { const copy = p.cloneNode(true); copy.querySelectorAll('.tag').forEach(t => t.remove()); "
        "return copy.textContent; }"
    )
    assert shown == EMOJI


def test_answers_are_marked_in_their_context_the_best_first(tab: Tab, server: Running) -> None:
    tab.choose("question-answering")
    tab.fill("question", "Who?")
    tab.fill("context", f"{EMOJI} It was in 1843.")
    tab.fill("top_k", "3")
    _, answer = ask(tab, server, "question-answering")
    best = answer["answers"][0]
    expect(tab.page.locator("#answer .verdict")).to_have_text(best["text"])
    expect(tab.page.locator("#answer mark.best")).to_have_text(best["text"])
    assert tab.bars() == [(each["text"], percent(each["score"])) for each in answer["answers"]]


def test_a_context_without_an_answer_says_so(tab: Tab, server: Running) -> None:
    tab.choose("question-answering")
    tab.fill("context", "x")
    tab.page.get_by_text("Options", exact=True).click()
    tab.page.get_by_label("May have no answer").check()
    request, answer = ask(tab, server, "question-answering")
    assert request["handle_no_answer"] is True
    assert ("no answer", percent(answer["no_answer_score"])) in tab.bars()
    says_none = tab.page.locator("#answer .verdict").inner_text() == "No answer in this context."
    assert says_none == (not answer["answers"][0]["text"])


def test_labels_are_bars_best_first(tab: Tab, server: Running) -> None:
    tab.choose("text-classification")
    _, answer = ask(tab, server, "text-classification")
    assert tab.bars() == [(each["label"], percent(each["score"])) for each in answer["labels"]]
    width = tab.page.locator("#answer .bar").first.evaluate(
        "row => row.querySelector('.fill').offsetWidth / row.querySelector('.track').offsetWidth"
    )
    assert width == pytest.approx(answer["labels"][0]["score"], abs=0.01)


def test_of_several_labels_those_that_reach_the_threshold_stand_out(open_tab: OpenTab, unusual: Running) -> None:
    tab = open_tab(unusual)
    tab.choose("several")
    tab.fill("threshold", "0.3")
    _, answer = ask(tab, unusual, "several")
    assert 0 < len(answer["labels"]) < len(answer["scores"])
    assert names(tab) == [each["label"] for each in answer["scores"]]
    best = tab.page.locator("#answer .bar.best .name").all_inner_texts()
    assert best == [each["label"] for each in answer["labels"]]


def test_a_value_is_a_number(open_tab: OpenTab, unusual: Running) -> None:
    tab = open_tab(unusual)
    tab.choose("values")
    _, answer = ask(tab, unusual, "values")
    shown = tab.page.locator("#answer .figure").all_inner_texts()
    for text, each in zip(shown, answer["values"], strict=True):
        number, label = text.split()
        assert label == each["label"]
        assert float(number) == pytest.approx(each["value"], rel=1e-3)


def test_the_best_words_stand_in_the_place_of_masks(tab: Tab, server: Running) -> None:
    tab.choose("fill-mask")
    tab.fill("text", "👍🏽 The [MASK] sat on the [MASK].")
    _, answer = ask(tab, server, "fill-mask")
    candidates = [mask["candidates"] for mask in answer["masks"]]
    best = [each[0]["token"].removeprefix("##") for each in candidates]
    assert tab.page.locator("#answer mark").all_inner_texts() == best
    expect(tab.page.locator("#answer .text")).to_have_text(f"👍🏽 The {best[0]} sat on the {best[1]}.")
    assert names(tab) == [each["token"] for mask in candidates for each in mask]


def test_texts_are_ranked_by_the_cosine_of_their_vectors(tab: Tab, server: Running) -> None:
    tab.choose("feature-extraction")
    request, answer = ask(tab, server, "feature-extraction")
    vectors = np.array([each["vector"] for each in answer["predictions"]])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = vectors[1:] @ vectors[0]
    texts = [each["text"] for each in request["instances"][1:]]
    order = np.argsort(-near)
    assert names(tab) == [texts[i] for i in order]
    assert [float(value) for _, value in tab.bars()] == pytest.approx(near[order], abs=6e-4)


def test_choices_are_ranked_and_the_best_is_named(tab: Tab, server: Running) -> None:
    tab.choose("multiple-choice")
    request, answer = ask(tab, server, "multiple-choice")
    order = sorted(range(len(answer["scores"])), key=lambda i: -answer["scores"][i])
    expect(tab.page.locator("#answer .verdict")).to_have_text(answer["text"])
    assert tab.bars() == [(request["choices"][i], percent(answer["scores"][i])) for i in order]


def test_whether_a_sentence_follows_is_said_with_its_score(tab: Tab, server: Running) -> None:
    tab.choose("next-sentence-prediction")
    _, answer = ask(tab, server, "next-sentence-prediction")
    verdict = "It follows." if answer["is_next"] else "It does not follow."
    expect(tab.page.locator("#answer .verdict")).to_have_text(verdict)
    assert tab.bars() == [("follows", percent(answer["score"])), ("does not", percent(1 - answer["score"]))]


def test_pretraining_shows_masks_of_both_texts_and_whether_one_follows(tab: Tab, server: Running) -> None:
    tab.choose("pretraining")
    _, answer = ask(tab, server, "pretraining")
    masks = [*answer["masks"], *answer["next_masks"]]
    assert len(masks) > 1
    assert names(tab)[2:] == [each["token"] for mask in masks for each in mask["candidates"]]
    assert tab.page.locator("#answer .text").count() == 2


def test_a_text_is_shown_while_it_grows(tab: Tab, server: Running) -> None:
    tab.choose("text-generation")
    tab.fill("prompt", "a film")
    tab.fill("max_new_tokens", "12")
    tab.page.evaluate(
        "globalThis.seen = new Set(); new MutationObserver(() => { const grown = document.querySelector('.growing "
        ".grown'); if (grown) seen.add(grown.textContent); }).observe(document.querySelector('#answer'), "
        "{childList: true, subtree: true})"
    )
    request, answer = ask(tab, server, "text-generation")
    text = answer["sequences"][0]["text"]
    seen = sorted(tab.page.evaluate("[...seen]"), key=len)
    assert len(seen) > 2
    assert all(text.startswith(part) for part in seen)
    assert tab.asked[-1].headers["accept"] == "text/event-stream"
    expect(tab.page.locator("#answer .text")).to_have_text(f"{request['prompt']}{text}")


def test_the_command_and_the_answer_are_shown_as_they_were(tab: Tab, server: Running) -> None:
    tab.choose("text-classification")
    tab.fill("text", "It's 5 o'clock")
    _, answer = ask(tab, server, "text-classification")
    tab.page.get_by_text("Request and answer as JSON").click()
    command = tab.page.locator("#raw-request").inner_text()
    assert command.startswith(f"curl {server.url}/v1/models/text-classification:predict")
    assert "It'\\''s 5 o'\\''clock" in command
    assert json.loads(tab.page.locator("#raw-answer").inner_text()) == answer


def test_the_address_keeps_the_model(open_tab: OpenTab, server: Running) -> None:
    tab = open_tab(server)
    tab.choose("multiple-choice")
    tab.page.reload()
    expect(tab.page.get_by_label("Model", exact=True)).to_have_value("multiple-choice")
    expect(tab.page.get_by_label("Choices")).to_be_visible()
