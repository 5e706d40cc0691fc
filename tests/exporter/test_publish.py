"""A bundle's card, and its way to a hub on this machine with the real huggingface_hub."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.fake_hub import fake_hub

from bert_export import card
from bert_runtime import bundle

GOLDEN = Path(__file__).parents[1] / "golden" / "v1" / "text-classification"
PUBLISH = """
import sys, pathlib
from bert_export.publish import publish
print(publish(pathlib.Path(sys.argv[1]), "org/new", private=True, branch=sys.argv[2] or None))
"""


def test_a_card_says_what_the_manifest_says_and_nothing_of_it_is_markup() -> None:
    manifest = bundle.read(GOLDEN).manifest
    settings = dataclasses.replace(manifest.settings, labels=("<b>a|b", "x`y\n# z"))
    text = card.render(dataclasses.replace(manifest, settings=settings))

    assert text == card.render(dataclasses.replace(manifest, settings=settings))
    assert "pipeline_tag: text-classification" in text
    assert "| labels (2) | \\<b\\>a\\|b, x\\`y \\# z |" in text
    assert "| portable fp32 | real texts |" in text


def test_a_bundle_is_pushed_with_its_card_and_loads_again(tmp_path: Path) -> None:
    made = Path(shutil.copytree(GOLDEN, tmp_path / "made"))
    (made / "README.md").write_text(card.render(bundle.read(made).manifest), encoding="utf-8")
    (made / "private-notes.txt").write_text("not of the bundle", encoding="utf-8")
    with fake_hub() as hub:
        own = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0", "HF_TOKEN": "hf_x"}
        environment = {**os.environ, **own}
        for branch in ("", "v2"):
            line = [sys.executable, "-c", PUBLISH, str(made), branch]
            done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        run = [sys.executable, "-m", "bert_runtime.cli", "org/new@v2", "--text", "good"]
        answer = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)

    assert set(hub.repositories["org/new"]) == {"main", "v2"}
    assert set(hub.repositories["org/new"]["main"]) == {file.name for file in made.iterdir()} - {"private-notes.txt"}
    assert hub.private == {"org/new"}
    assert (answer.returncode, answer.stderr) == (0, "")
