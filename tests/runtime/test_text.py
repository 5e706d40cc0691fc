"""Word pieces, templates, truncation and windows, against the tokenizers library's own."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from tokenizers.processors import PostProcessor

from bert_runtime.errors import BundleError, InputError
from bert_runtime.text import Pieces, TextEncoder
from bert_runtime.tokenizer_record import TokenizerRecord

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "cafe", "play", "##ing", "😀", "日", "##s", "!")
IDS = {word: i for i, word in enumerate(WORDS)}
CLS, SEP = IDS["[CLS]"], IDS["[SEP]"]
TEMPLATE = processors.TemplateProcessing(
    single="[CLS] $A [SEP]",
    pair="[CLS] $A [SEP] $B:1 [SEP]:1",
    special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
)


def tokenizer(post_processor: PostProcessor | None = TEMPLATE) -> Tokenizer:
    made = Tokenizer(models.WordPiece(IDS, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if post_processor is not None:
        made.post_processor = post_processor
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return made


RECORD = TokenizerRecord("tokenizer.json", 16, IDS["[PAD]"], IDS["[MASK]"])


def encoder(max_length: int = 16) -> TextEncoder:
    return TextEncoder(tokenizer(), replace(RECORD, max_length=max_length))


def spans(text: str) -> list[str]:
    return [text[start:end] for start, end in encoder().pieces(text).offsets.tolist()]


words = st.lists(st.sampled_from(["a", "b", "playing", "cafe", "!"]), max_size=30).map(" ".join)


@given(words, st.one_of(st.none(), words), st.integers(3, 24))
def test_truncated_rows_equal_longest_first_of_the_tokenizers_library(
    first: str, second: str | None, max_length: int
) -> None:
    own, reference = encoder(max_length), tokenizer()
    reference.enable_truncation(max_length, strategy="longest_first")
    expected = reference.encode(first, second)
    kept, kept_second = own.truncate(own.pieces(first), None if second is None else own.pieces(second))
    row = own.row(kept, kept_second)
    assert row.ids.tolist() == expected.ids
    assert row.type_ids.tolist() == expected.type_ids


@given(st.integers(0, 200), st.integers(1, 40), st.data())
def test_windows_cover_every_piece_and_share_the_stride(length: int, room: int, data: st.DataObject) -> None:
    stride = data.draw(st.integers(0, room - 1))
    windows = list(encoder().windows(length, room, stride))
    assert windows[0].start == 0
    assert windows[-1].stop == length
    assert all(before.stop - after.start == stride for before, after in pairwise(windows))
    assert all(window.stop - window.start == room for window in windows[:-1])
    assert windows[-1].stop - windows[-1].start <= room


def test_a_last_window_holds_something_new() -> None:
    assert list(encoder().windows(10, 6, 2)) == [slice(0, 6), slice(4, 10)]


def test_windows_that_would_not_advance_are_refused() -> None:
    with pytest.raises(InputError, match="stride < room"):
        list(encoder().windows(10, 4, 4))


@pytest.mark.parametrize(
    "post_processor",
    [TEMPLATE, processors.BertProcessing(("[SEP]", SEP), ("[CLS]", CLS))],
    ids=["TemplateProcessing", "BertProcessing"],
)
def test_the_template_is_read_from_either_post_processor(post_processor: PostProcessor | None) -> None:
    template = TextEncoder(tokenizer(post_processor), RECORD).template
    assert template.single == ((CLS,), (SEP,))
    assert template.pair == ((CLS,), (SEP,), (SEP,))


def template(single: str, pair: str) -> PostProcessor:
    return processors.TemplateProcessing(single, pair, special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)])


@pytest.mark.parametrize(
    "post_processor",
    [
        None,
        template("[CLS] $A [SEP]", "[CLS] $A [SEP]:1 $B:1 [SEP]:1"),
        template("[CLS] $A [SEP] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"),
    ],
    ids=["none", "the type changes early", "one text twice"],
)
def test_another_template_than_berts_is_refused(post_processor: PostProcessor | None) -> None:
    with pytest.raises(BundleError, match=r"not BERT's \[CLS\] A \[SEP\] B \[SEP\]"):
        TextEncoder(tokenizer(post_processor), RECORD)


@pytest.mark.parametrize("types", [(0, 1), (0, 0)])
def test_the_record_says_the_types_of_a_pair_whatever_the_template_says(types: tuple[int, int]) -> None:
    of_one_type = tokenizer(template("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]"))
    for each in (tokenizer(), of_one_type):
        own = TextEncoder(each, replace(RECORD, pair_type_ids=types))
        row = own.row(own.pieces("a b"), own.pieces("cafe"))
        assert row.type_ids.tolist() == [0, 0, 0, 0, types[1], types[1]]
        assert own.row(own.pieces("a b")).type_ids.tolist() == [0, 0, 0, 0]


def test_another_template_is_refused_with_the_files_name_and_one_advice(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizer(None).to_str())
    with pytest.raises(BundleError) as caught:
        TextEncoder.from_file(path, RECORD)
    assert str(caught.value).startswith("tokenizer.json: the tokenizer's post-processor")
    assert str(caught.value).count("export") == 1


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).to_str())
    with pytest.raises(BundleError, match="model is WordLevel, expected BPE, Unigram or WordPiece"):
        TextEncoder.from_file(path, RECORD)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"model": {"type": "WordPiece"}}', '{"model": 3}', "\xff"])
def test_a_broken_tokenizer_file_is_a_bundle_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(BundleError, match=r"^tokenizer\.json: "):
        TextEncoder.from_file(path, RECORD)


def test_a_missing_tokenizer_file_is_a_bundle_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"^tokenizer\.json: "):
        TextEncoder.from_file(tmp_path / "tokenizer.json", RECORD)


def test_a_model_too_short_for_the_special_tokens_is_refused() -> None:
    with pytest.raises(BundleError, match="max_length is 2"):
        encoder(2)


def test_padding_and_truncation_that_the_file_asks_for_are_switched_off(tmp_path: Path) -> None:
    noisy = tokenizer()
    noisy.enable_padding(length=12)
    noisy.enable_truncation(4)
    path = tmp_path / "tokenizer.json"
    path.write_text(noisy.to_str())
    assert json.loads(path.read_text())["truncation"] is not None
    assert len(TextEncoder.from_file(path, RECORD).pieces("a b a b a b")) == 6


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_text_without_characters_has_no_pieces(text: str) -> None:
    pieces = encoder().pieces(text)
    assert (len(pieces), pieces.ids.shape, pieces.offsets.shape, pieces.words.shape) == (0, (0,), (0, 2), (0,))
    assert pieces.ids.dtype == pieces.offsets.dtype == pieces.words.dtype == np.int64


def test_a_row_without_pieces_holds_the_special_tokens() -> None:
    own = encoder()
    assert own.row(own.pieces("")).ids.tolist() == [CLS, SEP]
    assert own.row(own.pieces(""), own.pieces("")).ids.tolist() == [CLS, SEP, SEP]


def test_a_rows_slices_hold_its_texts() -> None:
    own = encoder()
    first, second = own.pieces("a playing"), own.pieces("cafe !")
    row = own.row(first, second)
    assert row.second is not None
    assert row.ids[row.first].tolist() == first.ids.tolist()
    assert row.ids[row.second].tolist() == second.ids.tolist()
    assert set(row.type_ids[row.second].tolist()) == {1}


def test_offsets_count_characters_also_behind_emoji_and_accents() -> None:
    assert spans("😀 café playing 日!") == ["😀", "café", "play", "ing", "日", "!"]


def test_offsets_hold_where_the_normalizer_drops_characters() -> None:
    assert spans("a\u0000 cafe\u0301s") == ["a", "cafe", "s"]


def test_words_number_the_pre_tokenised_words() -> None:
    assert encoder().pieces("playing a!").words.tolist() == [0, 0, 1, 2]


def test_a_special_token_in_the_text_counts_as_itself() -> None:
    assert encoder().pieces("a [MASK] b").ids.tolist() == [IDS["a"], IDS["[MASK]"], IDS["b"]]


def test_a_slice_of_pieces_cuts_all_its_arrays() -> None:
    part: Pieces = encoder().pieces("playing a b")[1:3]
    assert (part.ids.tolist(), part.offsets.tolist(), part.words.tolist()) == (
        [IDS["##ing"], IDS["a"]],
        [[4, 7], [8, 9]],
        [0, 1],
    )
