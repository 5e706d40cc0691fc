"""Small trials: real engines, real clocks, short trials."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.exporter.conftest import TinyBundle

import bert_runtime
from bert_calibration import measure
from bert_export.tuning import trials, tune

NOUNS = ("movie", "book") * 40
TEXTS = [f"the {noun} was {'a good' if i % 2 else 'a bad'} {noun}, {i}" for i, noun in enumerate(NOUNS)]


@pytest.fixture(scope="module", autouse=True)
def short_heats() -> Iterator[None]:
    """How fast a network of width 32 is says nothing: trials are as short as they can be, all with one thread, and the
    gate that asks whether int8 is faster here is report that it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "speed_up", lambda *_: 2.0)
        for name in ("TRIAL", "FINAL"):
            patch.setattr(trials, name, 0.0)
        patch.setattr(trials, "SINGLE", (0.001, 2, 4))
        patch.setattr(trials, "BULK", (0.001, 8, 16))
        patch.setattr(tune, "thread_counts", lambda: (1,))
        yield


@pytest.fixture(scope="session")
def labelled(tiny_bundle: TinyBundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts with the labels that fp32 gives them: its accuracy is 1."""
    bundle = tiny_bundle("text-classification", False).bundle
    with bert_runtime.load(bundle, options=bert_runtime.Options("cpu")) as session:
        answers = list(session.predict({"text": text} for text in TEXTS))
    records = [{"text": t, "label": a.labels[0].label} for t, a in zip(TEXTS, answers, strict=True)]
    path = tmp_path_factory.mktemp("samples") / "labelled.jsonl"
    path.write_text("\n".join(map(json.dumps, records)) + "\n")
    return path
