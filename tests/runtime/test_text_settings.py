"""What a manifest says of a tokenizer: truncation side, types, lower case, and special tokens of any name."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cpp.strings import all_code_points, mixtures
from tests.runtime.test_text import IDS, RECORD, encoder, tokenizer
from tests.tokenizer_files import MINILM, Json, added, changed, record_of
from tests.without_exporter import is_exporter_there
from tokenizers import Tokenizer, pre_tokenizers

from bert_runtime.errors import BundleError, InputError
from bert_runtime.lower_case import lower_case
from bert_runtime.tasks import find_task
from bert_runtime.tasks.fill_mask import FillMaskHead, FillMaskRequest
from bert_runtime.tasks.task import HeadSettings
from bert_runtime.tasks.text_generation import TextGenerationHead, TextGenerationRequest
from bert_runtime.text import TextEncoder
from bert_runtime.tokenizer_json import loading

if TYPE_CHECKING or is_exporter_there():
    from transformers import AutoTokenizer

words = st.lists(st.sampled_from(["a", "b", "playing", "cafe", "!"]), max_size=30).map(" ".join)
LEFT = replace(RECORD, truncation_side="left")


@given(words, st.one_of(st.none(), words), st.integers(3, 24))
def test_texts_are_cut_on_the_left_as_by_the_tokenizers_library(
    first: str, second: str | None, max_length: int
) -> None:
    own = TextEncoder(tokenizer(), replace(LEFT, max_length=max_length))
    reference = tokenizer()
    reference.enable_truncation(max_length, strategy="longest_first", direction="left")
    expected = reference.encode(first, second)
    row = own.row(*own.truncate(own.pieces(first), None if second is None else own.pieces(second)))
    assert row.ids.tolist() == expected.ids
    assert row.type_ids.tolist() == expected.type_ids


@pytest.mark.exporter
@pytest.mark.parametrize("second", [None, "a long bad film that never ends " * 3, "a film"])
def test_texts_are_cut_on_the_left_as_by_transformers(second: str | None) -> None:
    reference = AutoTokenizer.from_pretrained(MINILM.parent, truncation_side="left")
    own = TextEncoder.from_file(MINILM, replace(record_of(MINILM, 16), truncation_side="left"))
    first = "the good film that everybody has seen before this year"
    expected = reference(first, second, truncation=True, max_length=16)
    row = own.row(*own.truncate(own.pieces(first), None if second is None else own.pieces(second)))
    assert row.ids.tolist() == expected["input_ids"]
    assert row.type_ids.tolist() == expected["token_type_ids"]


def test_what_is_cut_on_the_left_keeps_its_places_in_the_text() -> None:
    own = TextEncoder(tokenizer(), replace(LEFT, max_length=4))
    kept, _ = own.truncate(own.pieces("a b cafe !"))
    assert kept.offsets.tolist() == [[4, 8], [9, 10]]


def test_a_side_changes_no_window() -> None:
    own = TextEncoder(tokenizer(), LEFT)
    assert list(own.windows(10, 6, 2)) == list(encoder().windows(10, 6, 2))


def test_a_text_is_lower_cased_before_the_tokenizer_sees_it() -> None:
    cased = changed_normalizer({"lowercase": False, "strip_accents": False})
    own = TextEncoder(cased, replace(RECORD, lower_case=True))
    pieces = own.pieces("A \u0130 PLAYING [MASK]")
    assert pieces.ids.tolist()[0] == IDS["a"]
    assert pieces.ids.tolist()[2:4] == [IDS["play"], IDS["##ing"]]
    assert IDS["[MASK]"] not in pieces.ids, "it is [mask] by then, as in sentence-transformers"


def test_offsets_are_those_of_the_original_where_lower_case_is_longer() -> None:
    own = TextEncoder(changed_normalizer({"lowercase": False}), replace(RECORD, lower_case=True))
    text = "\u0130\u0130 PLAYING a"
    spans = [text[start:end] for start, end in own.pieces(text).offsets.tolist()]
    assert spans == ["\u0130\u0130", "PLAY", "ING", "a"]


def test_every_character_of_lower_case_knows_where_it_came_from() -> None:
    generator = random.Random(1)
    for text in [*all_code_points(generator), *mixtures(generator, 500)]:
        lowered, origins = lower_case(text)
        assert lowered == text.lower()
        assert origins is not None or len(lowered) == len(text)
        if origins is not None:
            assert len(origins) == len(lowered)
            for place, character in zip(origins.tolist(), lowered, strict=True):
                assert character in text[place].lower() or character in "σς"


def changed_normalizer(fields: Json) -> Tokenizer:
    content = json.loads(tokenizer().to_str())
    content["normalizer"] |= fields
    return Tokenizer.from_str(json.dumps(content))


def renamed() -> Tokenizer:
    """Special tokens by the names that RoBERTa gives them, and a mask that takes the space before it."""
    names = {"[PAD]": "<pad>", "[UNK]": "<unk>", "[CLS]": "<s>", "[SEP]": "</s>", "[MASK]": "<mask>"}
    text = tokenizer().to_str()
    for old, new in names.items():
        text = text.replace(json.dumps(old), json.dumps(new))
    content = json.loads(text)
    content["added_tokens"][-1]["lstrip"] = True
    for key in ("single", "pair"):
        for element in content["post_processor"][key]:
            next(iter(element.values()))["type_id"] = 0
    return Tokenizer.from_str(json.dumps(content))


def test_special_tokens_may_have_any_name() -> None:
    own = TextEncoder(renamed(), RECORD)
    assert own.template == encoder().template
    assert (own.mask_token, own.mask_id, own.pad_id) == ("<mask>", IDS["[MASK]"], 0)
    row = own.row(own.pieces("a <mask> b"), own.pieces("[MASK]"))
    assert row.ids.tolist()[:6] == [IDS[token] for token in ("[CLS]", "a", "[MASK]", "b", "[SEP]", "[UNK]")]


def test_a_mask_takes_the_space_before_it() -> None:
    own = TextEncoder(renamed(), RECORD)
    assert own.pieces("a   <mask> b").offsets.tolist() == [[0, 1], [1, 10], [11, 12]]


def test_heads_find_masks_and_ends_by_their_ids() -> None:
    own = TextEncoder(renamed(), RECORD)
    masks = FillMaskHead(own, HeadSettings()).encode(FillMaskRequest("a <mask>")).features[0].positions
    assert masks is not None
    assert masks.tolist() == [2]
    with pytest.raises(InputError, match="text has no <mask>"):
        FillMaskHead(own, HeadSettings()).encode(FillMaskRequest("a [MASK]"))
    prompt = TextGenerationHead(own, HeadSettings()).encode(TextGenerationRequest("a", max_new_tokens=1))
    assert (prompt.ids.tolist(), prompt.eos_id) == ([IDS["[CLS]"], IDS["a"]], IDS["[SEP]"])


def test_examples_are_written_with_the_tokenizers_own_mask() -> None:
    examples = find_task("fill-mask").examples_for(TextEncoder(renamed(), RECORD))
    assert all("<mask>" in example["text"] and "[MASK]" not in example["text"] for example in examples)


def test_no_module_of_the_runtime_looks_for_a_special_token_by_its_name() -> None:
    root = Path(__file__).parents[2] / "runtime"
    sources = [*root.glob("bert_runtime/**/*.py"), *root.glob("cpp/src/**/*.cpp"), *root.glob("cpp/include/**/*.h")]
    found = {
        path.name
        for path in sources
        for token in ("[PAD]", "[MASK]", "[CLS]", "[SEP]", "[UNK]")
        if f'"{token}"' in path.read_text(encoding="utf-8")
    }
    examples = {"task.py", "fill_mask.py", "pretraining.py"}  # which have a mask, see `examples_for`
    labels = {"tag_scheme.py", "tag_scheme.cpp"}  # a checkpoint's labels may be called so
    assert found == examples | labels


def test_a_tokenizer_that_panics_while_it_is_read_is_a_bundle_error(capfd: pytest.CaptureFixture[str]) -> None:
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": [["a", "b"]]}
    with pytest.raises(BundleError, match="range end index 2 out of range"), loading():
        Tokenizer.from_str(json.dumps({"version": "1.0", "model": model}))


def test_a_tokenizer_that_panics_at_a_text_is_that_texts_error(capfd: pytest.CaptureFixture[str]) -> None:
    made = tokenizer()
    own = TextEncoder(made, RECORD)
    made.pre_tokenizer = pre_tokenizers.FixedLength(length=0)
    with pytest.raises(InputError, match="the tokenizer fails on the text: chunk size must be non-zero"):
        own.pieces("a")
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    assert own.pieces("a").ids.tolist() == [IDS["a"]]


def test_what_is_no_error_of_the_tokenizer_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def encode(self, text: str, add_special_tokens: bool) -> None:
            raise KeyboardInterrupt

    own = encoder()
    monkeypatch.setattr(own, "_tokenizer", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        own.pieces("a")


def test_added_tokens_keep_their_ids_and_their_places(tmp_path: Path) -> None:
    tokens = [added(103, "[MASK]", special=True, lstrip=True), added(30522, "<ent>"), added(30523, "x y", rstrip=True)]
    path = changed(tmp_path / "tokenizer.json", lambda content: content.update(added_tokens=tokens))
    own = TextEncoder.from_file(path, record_of(path))
    pieces = own.pieces("a  [MASK] <ent>x y  b")
    assert pieces.ids.tolist() == [1037, 103, 30522, 30523, 1038]
    assert pieces.offsets.tolist() == [[0, 1], [1, 9], [10, 15], [15, 20], [20, 21]]
