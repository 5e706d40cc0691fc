"""The page by keyboard alone, on a telephone, in the dark, and as a reader of screens has it."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.serving.conftest import TASKS, Running
from tests.serving.page.conftest import OpenTab, Tab

LEAST_CONTRAST = 4.5
"""Of text to its ground: level AA of WCAG 2.2."""

# Each element with a text of its own, and the contrast of it to the ground behind it. The canvas turns any form of a
# colour into bytes.
CONTRASTS = """() => {
  const pen = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const bytes = (colour) => { pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => { for (; e; e = e.parentElement) { const c = bytes(getComputedStyle(e).backgroundColor);
    if (c[3] > 250) return c; } return [255, 255, 255, 255]; };
  return [...document.querySelectorAll("body *")]
    .filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
    .map((e) => { const [a, b] = [light(bytes(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
      return [e.tagName + "." + e.className + " " + e.textContent.slice(0, 20), (a + 0.05) / (b + 0.05)]; });
}"""


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(open_tab: OpenTab, server: Running, scheme: str) -> None:
    tab = open_tab(server, color_scheme=scheme)
    grounds = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (grounds == "rgb(18, 20, 23)") == (scheme == "dark")
    faint: dict[str, float] = {}
    for task in ("token-classification", "question-answering", "feature-extraction"):
        tab.choose(task)
        tab.answer()
        contrasts: list[tuple[str, float]] = tab.page.evaluate(CONTRASTS)
        assert len(contrasts) > 15
        faint |= {name: contrast for name, contrast in contrasts if contrast < LEAST_CONTRAST}
    tab.fill("texts", "\n".join("abcdefghijklmnopqrstuvwxyz"))
    tab.page.get_by_role("button", name="Answer").click()
    expect(tab.page.get_by_role("alert")).to_be_visible()
    faint |= {name: contrast for name, contrast in tab.page.evaluate(CONTRASTS) if contrast < LEAST_CONTRAST}
    assert faint == {}


@pytest.mark.parametrize("width", [400, 320])
def test_on_a_telephone_nothing_scrolls_sideways(open_tab: OpenTab, server: Running, width: int) -> None:
    tab = open_tab(server, viewport={"width": width, "height": 800})
    for task in TASKS:
        tab.choose(task)
        if tab.page.locator("#options").is_visible():
            tab.page.get_by_text("Options", exact=True).click()
        if task == "text-generation":
            tab.fill("max_new_tokens", "6")
        else:
            first = tab.page.locator("#fields [name]").first
            first.fill(f"{'Rindfleischetikettierungsüberwachung' * 3} {first.input_value()}")
        tab.answer()
        tab.page.get_by_text("Request and answer as JSON").click()
        assert overflow(tab.page) <= 0, task


def test_on_a_telephone_what_is_pressed_is_large_enough(open_tab: OpenTab, server: Running) -> None:
    tab = open_tab(server, viewport={"width": 400, "height": 800})
    for control in tab.page.locator("main button:visible, main select:visible, main textarea:visible").all():
        box = control.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 40, control.inner_text()


def test_by_keyboard_alone_a_model_is_chosen_asked_and_its_answer_read(tab: Tab, server: Running) -> None:
    page, stops = tab.page, []
    for _ in range(12):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        ring = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert ring == "solid", stops[-1]
        if stops[-1] == "model":
            break
    assert stops[0] == "Skip to the request"
    assert stops[-1] == "model"
    page.keyboard.type("question")
    expect(page.get_by_label("Question")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Question")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("Who wrote it?")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text(" ms ")
    assert tab.sent["question"] == "Who wrote it?"
    page.keyboard.press("Tab")
    expect(page.get_by_label("Context")).to_be_focused()


def test_every_field_has_a_label_and_what_changes_is_announced(tab: Tab) -> None:
    for task in TASKS:
        tab.choose(task)
        unnamed = tab.page.evaluate(
            "[...document.querySelectorAll('input, textarea, select')].filter(e => !e.labels.length).map(e => e.id)"
        )
        assert unnamed == [], task
    page: Any = tab.page
    expect(page.locator("#measured")).to_have_role("status")
    assert page.locator("html").get_attribute("lang") == "en"
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
