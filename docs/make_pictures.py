"""Take the pictures of bert-serve's page that the documents show.

    python docs/make_pictures.py BUNDLE_OF_ENTITIES BUNDLE_OF_ANSWERS BUNDLE_OF_VECTORS

needs `make browser`, and a font that the page names, such as Debian's fonts-inter.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
COLOURS = 128
"""A flat page needs no more, and its picture is a third as large."""


@dataclass(frozen=True)
class Picture:
    """A picture's name, which of the bundles it shows, and in which window: its width in CSS pixels, each of which is
    `scale` pixels of the picture wide."""

    name: str
    bundle: int
    scheme: str
    width: int
    scale: int


TAKEN = (
    Picture("page-light", 0, "light", 1180, 2),
    Picture("page-dark", 1, "dark", 1180, 2),
    Picture("page-telephone", 2, "dark", 400, 1),
)


def main(bundles: list[str]) -> None:
    """Take each of them."""
    PICTURES.mkdir(exist_ok=True)
    with _served(bundles) as address, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        for picture in TAKEN:
            _take(browser, f"{address}/#{Path(bundles[picture.bundle]).name}", picture)
        browser.close()


def _take(browser: Browser, address: str, picture: Picture) -> None:
    context = browser.new_context(
        viewport={"width": picture.width, "height": 300},
        color_scheme="dark" if picture.scheme == "dark" else "light",
        device_scale_factor=picture.scale,
    )
    page = context.new_page()
    page.goto(address)
    page.get_by_role("button", name="Answer").click()
    page.locator("#measured strong").wait_for()
    page.get_by_role("button", name="Answer").click()  # once more: the first answer also warmed the engine
    page.locator("#measured strong").wait_for()
    page.mouse.move(0, 0)
    taken = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    taken.convert("RGB").quantize(COLOURS).save(PICTURES / f"{picture.name}.png", optimize=True)
    context.close()


@contextmanager
def _served(bundles: list[str]) -> Iterator[str]:
    command = [sys.executable, "-m", "bert_serve", *bundles, "--port", "0", "--log", "nothing"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        told = next(line for line in process.stderr if '"listening"' in line)
        yield json.loads(told)["address"]
        process.terminate()


def _chromium() -> str:
    return next(path for path in map(shutil.which, ("chromium-headless-shell", "chromium", "google-chrome")) if path)


if __name__ == "__main__":
    main(sys.argv[1:])
