"""What a person is told where there is no answer: what is wrong, at which field, and what to do."""

from __future__ import annotations

import signal

from playwright.sync_api import expect
from tests.serving.conftest import GOLDEN, Running, Start
from tests.serving.page.conftest import OpenTab, Tab

KEY = "a-key-of-a-person"


def press(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Answer").click()


def test_an_empty_field_is_named_and_has_the_focus(tab: Tab) -> None:
    tab.choose("question-answering")
    tab.fill("question", "")
    press(tab)
    expect(tab.page.get_by_role("alert")).to_contain_text("question is empty, expected text")
    field = tab.page.get_by_label("Question")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("question is empty, expected text")
    expect(tab.page.get_by_label("Context")).to_have_attribute("aria-invalid", "false")


def test_a_wrong_option_is_named_also_where_it_was_hidden(tab: Tab) -> None:
    tab.choose("question-answering")
    for value, told in (("0", "top_k is 0, expected 1 or more"), ("many", "top_k is 'many'")):
        tab.fill("top_k", value)
        tab.page.locator("#options").evaluate("options => { options.open = false; }")
        press(tab)
        expect(tab.page.get_by_role("alert")).to_contain_text(told)
        expect(tab.page.locator("[name=top_k]")).to_be_focused()


def test_a_mended_request_has_no_mark_any_more(tab: Tab) -> None:
    tab.choose("question-answering")
    tab.fill("question", " ")
    press(tab)
    expect(tab.page.get_by_role("alert")).to_be_visible()
    tab.fill("question", "Who?")
    tab.answer()
    expect(tab.page.get_by_role("alert")).to_have_count(0)
    expect(tab.page.locator("[aria-invalid=true]")).to_have_count(0)


def test_too_many_texts_are_refused_with_what_to_do(tab: Tab) -> None:
    tab.choose("feature-extraction")
    tab.fill("texts", "\n".join(f"text {i}" for i in range(16)))
    press(tab)
    expect(tab.page.get_by_role("alert")).to_contain_text("17 items, expected 1 to 16; split the request")


def test_a_server_that_has_gone_is_said_to_have_gone(open_tab: OpenTab, start: Start) -> None:
    running = start(str(GOLDEN / "text-classification"))
    tab = open_tab(running)
    assert running.stop(signal.SIGTERM) == 0
    press(tab)
    expect(tab.page.get_by_role("alert")).to_contain_text("The server does not answer")
    expect(tab.page.get_by_role("button", name="Answer")).to_be_enabled()


def test_a_key_is_asked_for_and_kept_by_the_tab_alone(open_tab: OpenTab, start: Start) -> None:
    running = start(str(GOLDEN / "text-classification"), environment={"BERT_SERVE_API_KEYS": KEY})
    tab = open_tab(running, ready=False)
    field = tab.page.get_by_label("API key")
    expect(field).to_be_focused()
    expect(tab.page.get_by_role("link", name="Metrics")).to_be_hidden()
    field.fill("another-key")
    field.press("Enter")
    expect(tab.page.locator("#key-help")).to_have_text("The server does not know this key.")
    field.fill(KEY)
    field.press("Enter")
    expect(field).to_be_hidden()
    tab.answer()
    assert "Bearer …" in tab.page.locator("#raw-request").text_content().__str__()
    tab.page.reload()
    tab.answer()
    kept = tab.page.evaluate("[Object.values(sessionStorage), localStorage.length, document.cookie]")
    assert kept == [[KEY], 0, ""]
    assert KEY not in tab.page.url
    beside = tab.page.context.new_page()
    beside.goto(running.url)
    expect(beside.get_by_label("API key")).to_be_focused()


def test_a_server_without_keys_shows_no_field_for_one(tab: Tab) -> None:
    expect(tab.page.locator("#key-button")).to_be_hidden()
    expect(tab.page.locator("#key-form")).to_be_hidden()


def test_a_text_that_grows_can_be_stopped(tab: Tab, server: Running) -> None:
    tab.choose("text-generation")
    tab.fill("max_new_tokens", "6")
    tab.page.route("**/*:predict", lambda route: None)  # an answer that does not come
    press(tab)
    stop = tab.page.get_by_role("button", name="Stop")
    expect(stop).to_be_visible()
    stop.click()
    expect(tab.page.locator("#measured")).to_have_text("stopped")
    tab.page.unroute("**/*:predict")
    tab.answer()
