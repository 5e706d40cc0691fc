"""What is taken for a tokenizer.json; tests/cpp/test_text.py asks C++ the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.hostile_tokenizers import BROKEN, REFUSED
from tests.tokenizer_files import MINILM, changed, text_encoder
from tokenizers import Tokenizer

from bert_runtime.errors import BundleError
from bert_runtime.tokenizer_json import read


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_berts_is_refused_by_name(tmp_path: Path, name: str) -> None:
    change, words = REFUSED[name]
    with pytest.raises(BundleError) as caught:
        text_encoder(changed(tmp_path / "tokenizer.json", change))
    assert str(caught.value).startswith("tokenizer.json: ")
    assert words in str(caught.value)
    assert str(caught.value).count("export ") == 1


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_a_bundle_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(BundleError, match=r"^tokenizer\.json: "):
        text_encoder(path)


def test_the_library_is_given_the_same_tokenizer() -> None:
    content = json.loads(MINILM.read_bytes()) | {"truncation": None, "padding": None}
    assert json.loads(read(MINILM.read_bytes(), "tokenizer.json").to_str()) == content


def test_what_it_says_of_padding_and_truncation_is_never_read(tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["truncation"], content["padding"] = {"max_length": -1}, "none"

    path = changed(tmp_path / "tokenizer.json", change)
    with pytest.raises(Exception, match="invalid"):
        Tokenizer.from_file(str(path))
    assert len(text_encoder(path).pieces("a " * 600)) == 600
