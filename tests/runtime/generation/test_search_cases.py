"""The searches that both runtimes share, step by step; test_oracle.py holds them against transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bert_runtime import TextGenerationRequest
from bert_runtime.generation.loop import start
from bert_runtime.tasks.text_generation import Prompt

pytestmark = pytest.mark.exporter

FILE = Path(__file__).parents[2] / "cases" / "text_generation_search.json"
CASES = json.loads(FILE.read_text("utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_search_takes_the_steps_of_its_case(case: dict[str, Any]) -> None:
    prompt = Prompt((), np.array(case["prompt"], dtype=np.int64), case["eos"])
    search = start(prompt, TextGenerationRequest.from_record({"prompt": "", **case["settings"]}))
    for step in case["steps"]:
        made = search.advance(np.array(step["logits"], dtype=np.float32))
        assert {"tokens": made.tokens.tolist(), "sources": made.sources.tolist()} == {
            name: step[name] for name in ("tokens", "sources")
        }
    found = search.continuations()
    assert [list(each.ids) for each in found] == [each["ids"] for each in case["continuations"]]
    for each, wanted in zip(found, case["continuations"], strict=True):
        assert each.score == (None if wanted["score"] is None else pytest.approx(wanted["score"], abs=1e-5))
