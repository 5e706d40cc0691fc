"""From text to token ids: word pieces with character offsets, special tokens, truncation and overlapping windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from bert_runtime.errors import BundleError, InputError, Problem, within
from bert_runtime.lower_case import lower_case, original_offsets
from bert_runtime.template import read_template
from bert_runtime.tokenizer_json import failure, loading, read
from bert_runtime.tokenizer_record import TokenizerRecord

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Pieces:
    """The word pieces of one text, without special tokens.

    Attributes:
        ids: int64 of shape (pieces,).
        offsets: int64 of shape (pieces, 2): first and one-past-last character (code points) in the original text.
        words: int64 of shape (pieces,): which pre-tokenised word a piece belongs to.
    """

    ids: IntArray
    offsets: IntArray
    words: IntArray

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, part: slice) -> Pieces:
        return Pieces(self.ids[part], self.offsets[part], self.words[part])


@dataclass(frozen=True)
class Row:
    """Token ids with special tokens: int64 arrays of shape (sequence,).

    Attributes:
        ids, type_ids: what the model reads.
        first, second: the slice of the row that holds the first text's pieces, and the second's (None for one text).
    """

    ids: IntArray
    type_ids: IntArray
    first: slice
    second: slice | None = None


class TextEncoder:
    """A tokenizer, used as a manifest's record of it says. Its configuration never changes after loading: safe in
    threads.

    Attributes:
        record: the manifest's record.
        template: the special tokens around one text and around two.
        mask_token: how a text writes a mask; empty where there is none.
        vocabulary_size: how many tokens there are.
    """

    def __init__(self, tokenizer: Tokenizer, record: TokenizerRecord) -> None:
        """Take over `tokenizer`.

        Raises:
            BundleError: the special tokens around a text are not BERT's or do not fit, or the tokenizer has no
                token with an id of the record.
        """
        self.record = record
        self._tokenizer = tokenizer
        with loading():
            tokenizer.no_truncation()
            tokenizer.no_padding()
            self.template = read_template(tokenizer)
            self.vocabulary_size = tokenizer.get_vocab_size()
        self._single, self._pair = (
            [np.array(ids, np.int64) for ids in groups] for groups in (self.template.single, self.template.pair)
        )
        contradictions = record.contradictions(tokenizer, self.max_length - self.room(pair=True))
        if contradictions:
            raise BundleError("; ".join(contradictions) + "; export the bundle again", contradictions)
        self.mask_token = "" if record.mask_id is None else self.token(record.mask_id)

    @classmethod
    def from_file(cls, path: Path, record: TokenizerRecord) -> TextEncoder:
        """Read a `tokenizer.json`.

        Raises:
            BundleError: the file is unreadable, has parts that are not BERT's, or contradicts the record.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            message = f"{path.name}: {error}; expected a tokenizer.json; export the bundle again"
            raise BundleError(Problem("unreadable", path.name, message)) from error
        return cls.from_json(content, path.name, record)

    @classmethod
    def from_json(cls, content: bytes, name: str, record: TokenizerRecord) -> TextEncoder:
        """The same from the file's content; `name` is the file's, for messages."""
        tokenizer = read(content, name)
        try:
            return cls(tokenizer, record)
        except BundleError as error:
            raise BundleError(within(f"{name}: {error}", error)) from error

    @property
    def max_length(self) -> int:
        """The longest sequence that the model takes, special tokens included."""
        return self.record.max_length

    @property
    def pad_id(self) -> int:
        """The id that stands for padding."""
        return self.record.pad_id

    @property
    def mask_id(self) -> int | None:
        """The id of the mask token; None where there is none."""
        return self.record.mask_id

    def pieces(self, text: str) -> Pieces:
        """The word pieces of `text`; special tokens written in it (such as a mask) count as themselves.

        Raises:
            InputError: the tokenizer fails on the text.
        """
        origins = None
        if self.record.lower_case:
            text, origins = lower_case(text)
        encoding = self._encoding(text)
        words = [-1 if word is None else word for word in encoding.word_ids]
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        if origins is not None:
            offsets = original_offsets(offsets, origins)
        return Pieces(np.array(encoding.ids, dtype=np.int64), offsets, np.array(words, dtype=np.int64))

    def row(self, first: Pieces, second: Pieces | None = None) -> Row:
        """One text or a pair with its special tokens; the caller has made them fit."""
        if second is None:
            before, after = self._single
            ids = np.concatenate((before, first.ids, after))
            return Row(ids, np.zeros(len(ids), np.int64), slice(len(before), len(before) + len(first)))
        before, middle, after = self._pair
        ids = np.concatenate((before, first.ids, middle, second.ids, after))
        split = len(before) + len(first) + len(middle)
        type_ids = np.full(len(ids), self.record.pair_type_ids[0], np.int64)
        type_ids[split:] = self.record.pair_type_ids[1]
        return Row(ids, type_ids, slice(len(before), len(before) + len(first)), slice(split, split + len(second)))

    def room(self, pair: bool = False) -> int:
        """How many pieces fit beside the special tokens of one text, or of a pair."""
        return self.max_length - sum(map(len, self.template.pair if pair else self.template.single))

    def truncate(self, first: Pieces, second: Pieces | None = None) -> tuple[Pieces, Pieces | None]:
        """Cut the longer text, at the record's side, until both fit (`longest_first` of the tokenizers library)."""
        room = self.room(second is not None)
        if second is None:
            return self._cut(first, room), None
        if len(first) + len(second) <= room:
            return first, second
        short, long = sorted((len(first), len(second)))
        long = short if short > room else max(short, room - short)
        if short + long > room:
            short, long = room // 2, room // 2 + room % 2
        keep_first, keep_second = (long, short) if len(first) > len(second) else (short, long)
        return self._cut(first, keep_first), self._cut(second, keep_second)

    def windows(self, length: int, room: int, stride: int) -> Iterator[slice]:
        """Slices of at most `room` pieces that cover `length` pieces, neighbours sharing `stride` of them.

        Raises:
            InputError: `room` does not exceed `stride`, so that windows would not advance.
        """
        if room <= stride:
            raise InputError(
                Problem(
                    "out-of-range",
                    "stride",
                    f"room for {room} tokens and a stride of {stride}; expected stride < room: lower the stride",
                )
            )
        start = 0
        while True:
            yield slice(start, min(start + room, length))
            if start + room >= length:
                return
            start += room - stride

    def token(self, token_id: int) -> str:
        """The vocabulary's entry for an id."""
        return self._tokenizer.id_to_token(token_id) or ""

    def token_id(self, token: str) -> int | None:
        """The id of a vocabulary entry, or None."""
        found: int | None = self._tokenizer.token_to_id(token)
        return found

    def decode(self, ids: list[int], skip_special_tokens: bool = True) -> str:
        """The text that ids stand for, as the tokenizer's decoder writes it."""
        try:
            text: str = self._tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)
        except BaseException as error:
            problem = f"the tokenizer fails on the ids: {failure(error)}; change the ids"
            raise InputError(Problem("bad-ids", "ids", problem)) from error
        return text

    def _encoding(self, text: str) -> Encoding:
        try:
            return self._tokenizer.encode(text, add_special_tokens=False)
        except BaseException as error:
            raise InputError(
                Problem("bad-text", "text", f"the tokenizer fails on the text: {failure(error)}; change the text")
            ) from error

    def _cut(self, pieces: Pieces, keep: int) -> Pieces:
        return pieces[:keep] if self.record.truncation_side == "right" else pieces[max(0, len(pieces) - keep) :]
