"""A tokenizer that is not BERT's, or not the one that the manifest describes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Put = Callable[[str, bytes], None]
Edit = Callable[[Callable[[dict[str, Any]], object]], None]
Refused = Callable[[int], str]


@pytest.fixture
def tokenizer(good: Path) -> dict[str, Any]:
    """The content of the good bundle's tokenizer.json."""
    content: dict[str, Any] = json.loads((good / "tokenizer.json").read_bytes())
    return content


def test_rule_36_a_tokenizer_that_is_no_wordpiece_is_refused(
    tokenizer: dict[str, Any], put: Put, refused: Refused
) -> None:
    tokenizer["model"] = {"type": "WordLevel", "vocab": tokenizer["model"]["vocab"], "unk_token": "[UNK]"}
    put("tokenizer.json", json.dumps(tokenizer).encode())
    assert "WordLevel" in refused(36)


def test_rule_36_a_tokenizer_that_adds_no_special_tokens_is_refused(
    tokenizer: dict[str, Any], put: Put, refused: Refused
) -> None:
    tokenizer["post_processor"] = None
    put("tokenizer.json", json.dumps(tokenizer).encode())
    refused(36)


@pytest.mark.parametrize("name", ["pad_id", "mask_id"])
def test_rule_37_ids_that_the_tokenizer_has_no_token_for_are_refused(name: str, edit: Edit, refused: Refused) -> None:
    edit(lambda manifest: manifest["tokenizer"].update({name: 7000}))
    assert f"{name} is 7000" in refused(37)


@pytest.mark.parametrize("named", [{"mask": "<mask>"}, {"mask": "[PAD]"}, {"sep": "</s>"}], ids=str)
def test_rule_37_a_special_token_that_the_tokenizer_calls_otherwise_is_refused(
    named: dict[str, str], edit: Edit, refused: Refused
) -> None:
    def change(manifest: dict[str, Any]) -> None:
        manifest["version"] = 2
        manifest["tokenizer"]["special_tokens"] = named

    edit(change)
    assert "expected what the tokenizer calls it" in refused(37)


def test_rule_37_all_that_does_not_fit_is_told_at_once(edit: Edit, refused: Refused) -> None:
    edit(lambda manifest: manifest["tokenizer"].update({"pad_id": 7000, "mask_id": 8000, "max_length": 2}))
    text = refused(37)
    assert all(part in text for part in ("max_length is 2, expected at least 3", "pad_id is 7000", "mask_id is 8000"))
