"""A real headless Chromium, and the page of a running server in it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright
from tests.bundles import write_bundle
from tests.serving.conftest import GOLDEN, Running, start_server

from bert_runtime import bundle as bundles
from bert_runtime.tasks.task import HeadSettings

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
INSTALL = "no Chromium is here; run 'make browser'"
expect.set_options(timeout=20_000)

HOSTILE = "<img src=x onerror=globalThis.harmed=1>"
"""A text, and a label, that would do harm as markup."""


@dataclass
class Tab:
    """The page of a server in a tab, and what was noticed meanwhile."""

    page: Page
    url: str
    asked: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def choose(self, model: str) -> None:
        self.page.get_by_label("Model", exact=True).select_option(model)

    def fill(self, name: str, value: str) -> None:
        """Write into a field; one among the options is shown first."""
        target = self.page.locator(f"[name={name}]")
        if not target.is_visible():
            self.page.get_by_text("Options", exact=True).click()
        target.fill(value)

    def answer(self) -> dict[str, Any]:
        """Ask, wait for the answer, and give the request that was sent."""
        self.asked.clear()
        self.page.get_by_role("button", name="Answer").click()
        expect(self.page.locator("#measured strong")).to_be_visible()
        return self.sent

    @property
    def sent(self) -> dict[str, Any]:
        """The body of the last request."""
        body: dict[str, Any] = json.loads(self.asked[-1].post_data or "null")
        return body

    def bars(self) -> list[tuple[str, str]]:
        """Name and value of each bar."""
        rows = self.page.locator("#answer .bar")
        return [
            (each.locator(".name").inner_text(), each.locator(".value").inner_text().replace("\xa0", " "))
            for each in rows.all()
        ]


OpenTab = Callable[..., Tab]


def chromium() -> str:
    """Where it is; without one, a test is skipped, but fails in CI, where `make browser` ran before."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        assert not os.environ.get("CI"), INSTALL
        pytest.skip(INSTALL)
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium()
    with sync_playwright() as driver:
        # Its sandbox needs rights that a container's root has not; all that it opens is a server of these tests.
        launched = driver.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=60_000)
        yield launched
        launched.close()


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    """Opens the page of a server in a tab of its own; arguments as a browser's context takes them."""
    contexts = []

    def opened(running: Running, ready: bool = True, **options: Any) -> Tab:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        tab = Tab(page, running.url)
        page.on("request", lambda request: tab.asked.append(request))  # noqa: PLW0108 - playwright needs a function
        page.on("console", lambda message: tab.complaints.append(message.text))
        page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        page.goto(running.url)
        if ready:
            expect(page.get_by_role("button", name="Answer")).to_be_enabled()
        return tab

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def tab(open_tab: OpenTab, server: Running) -> Tab:
    """The page of the server with every task."""
    return open_tab(server)


def _relabelled(folder: Path, problem_type: str, labels: tuple[str, ...]) -> Path:
    """The golden text classification with other labels and another type of problem."""
    golden = bundles.read(GOLDEN / "text-classification")
    manifest = replace(golden.manifest, settings=HeadSettings(labels=labels, problem_type=problem_type))
    return write_bundle(folder, manifest, {file: golden.directory / file for file in golden.manifest.files})


@pytest.fixture(scope="session")
def unusual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Several labels of which one is hostile, values, and entities with a hostile label."""
    folder = tmp_path_factory.mktemp("unusual")
    several = _relabelled(folder / "several", "multi_label_classification", ("calm", HOSTILE, "loud"))
    values = _relabelled(folder / "values", "regression", ("warmth", "length", "depth"))
    golden = bundles.read(GOLDEN / "token-classification")
    old = golden.manifest.settings.labels
    settings = HeadSettings(labels=tuple(each if each == "O" else each[:2] + HOSTILE + each[2:] for each in old))
    files: dict[str, bytes | Path] = {file: golden.directory / file for file in golden.manifest.files}
    entities = write_bundle(folder / "entities", replace(golden.manifest, settings=settings), files)
    running = start_server([str(several), str(values), str(entities)])
    yield running
    assert running.stop() == 0
