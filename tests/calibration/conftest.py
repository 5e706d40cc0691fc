"""Tiny golden bundles of every head as baseline, with requests that their vocabulary of letters can spell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from bert_calibration.baseline import BaselineArtefact
from bert_runtime import bundle as bundles
from bert_runtime.tasks.request import Request
from bert_runtime.text import TextEncoder

GOLDEN = Path(__file__).parents[1] / "golden" / "v1"
GetBaseline = Callable[[str, str], BaselineArtefact]


def golden_text(**renamed: str) -> TextEncoder:
    """The golden tokenizer of fill-mask, whose mask is [MASK] or what `MASK` gives."""
    folder = GOLDEN / "fill-mask"
    content = (folder / "tokenizer.json").read_text(encoding="utf-8")
    for name, other in renamed.items():
        content = content.replace(f'"[{name}]"', f'"{other}"')
    return TextEncoder(Tokenizer.from_str(content), bundles.read(folder).manifest.tokenizer)


def sentence(random: np.random.Generator) -> str:
    """Two to nine words of the golden vocabulary's letters."""
    words = ["the", "film", "a", "good", "bad", "xyz", "qq", "art"]
    return " ".join(random.choice(words, size=int(random.integers(2, 9))))


def requests_of(baseline: BaselineArtefact, number: int, seed: int = 0) -> list[Request]:
    """So many requests of the baseline's task, of different lengths; fill-mask rows with one or two masks."""
    random = np.random.default_rng(seed)
    records: list[Mapping[str, object]] = []
    for _ in range(number):
        one, other = sentence(random), sentence(random)
        masked = " ".join([one, *["[MASK]"] * int(random.integers(1, 3))])
        by_task: dict[str, Mapping[str, object]] = {
            "question-answering": {"question": one[:8].strip(), "context": f"{other} {one}", "doc_stride": 4},
            "token-classification": {"text": f"{one} {other}", "stride": 4},
            "fill-mask": {"text": masked},
            "pretraining": {"text": masked, "next_text": other[:10].strip()},
            "multiple-choice": {"prompt": one[:8].strip(), "choices": [other[:9].strip(), one[:3].strip()]},
            "next-sentence-prediction": {"text": one[:12].strip(), "next_text": other[:12].strip()},
        }
        records.append(by_task.get(baseline.task.name, {"text": one}))
    return baseline.requests(records)


@pytest.fixture(scope="session")
def baseline() -> GetBaseline:
    """(task, target) -> the golden bundle's artefact."""

    def get(task: str, target: str) -> BaselineArtefact:
        return BaselineArtefact.of(bundles.read(GOLDEN / task), target)

    return get
