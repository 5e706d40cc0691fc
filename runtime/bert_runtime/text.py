"""From text to token ids: word pieces with character offsets, special tokens, truncation and overlapping windows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from bert_runtime.errors import BundleError, InputError

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
class Template:
    """The special tokens around one text or two: what the tokenizer's post-processor adds, read off once."""

    single: tuple[tuple[int, ...], tuple[int, ...]]
    pair: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


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
    """The bundle's tokenizer. Its configuration never changes after loading: safe in threads."""

    def __init__(self, tokenizer: Tokenizer, max_length: int) -> None:
        """Take over `tokenizer`; `max_length` is the longest sequence the model takes, special tokens included."""
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.max_length = max_length
        self.template = _template(tokenizer)
        self._single, self._pair = (
            [np.array(ids, np.int64) for ids in groups] for groups in (self.template.single, self.template.pair)
        )
        if self.room(pair=True) < 0:
            raise BundleError(
                f"max_length is {max_length}, expected room for [CLS], [SEP] and [SEP]; export a BERT checkpoint"
            )
        self.pad_id = self.token_id("[PAD]") or 0
        self.mask_token = "[MASK]"
        self.mask_id = self.token_id(self.mask_token)
        self.vocabulary_size = tokenizer.get_vocab_size()

    @classmethod
    def from_file(cls, path: Path, max_length: int) -> TextEncoder:
        """Read a `tokenizer.json`.

        Raises:
            BundleError: the file is unreadable, or its model is no WordPiece.
        """
        try:
            content = path.read_text(encoding="utf-8")
            kind = (json.loads(content).get("model") or {}).get("type")
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            raise BundleError(f"{path.name}: {error}; expected a tokenizer.json; export the bundle again") from error
        if kind != "WordPiece":
            raise BundleError(
                f"{path.name}: the tokenizer's model is {kind}, expected WordPiece; export a BERT checkpoint"
            )
        try:
            return cls(Tokenizer.from_str(content), max_length)
        except BundleError as error:
            raise BundleError(f"{path.name}: {error}") from error
        except Exception as error:  # tokenizers raises plain Exception
            raise BundleError(f"{path.name}: {error}; expected a tokenizer.json; export the bundle again") from error

    def pieces(self, text: str) -> Pieces:
        """The word pieces of `text`; special tokens written in it (such as [MASK]) count as themselves."""
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        words = [-1 if word is None else word for word in encoding.word_ids]
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
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
        type_ids = np.zeros(len(ids), np.int64)
        type_ids[split:] = 1
        return Row(ids, type_ids, slice(len(before), len(before) + len(first)), slice(split, split + len(second)))

    def room(self, pair: bool = False) -> int:
        """How many pieces fit beside the special tokens of one text, or of a pair."""
        return self.max_length - sum(map(len, self.template.pair if pair else self.template.single))

    def truncate(self, first: Pieces, second: Pieces | None = None) -> tuple[Pieces, Pieces | None]:
        """Cut the end of the longer text until both fit (`longest_first` of the tokenizers library)."""
        room = self.room(second is not None)
        if second is None:
            return first[:room], None
        if len(first) + len(second) <= room:
            return first, second
        short, long = sorted((len(first), len(second)))
        long = short if short > room else max(short, room - short)
        if short + long > room:
            short, long = room // 2, room // 2 + room % 2
        keep_first, keep_second = (long, short) if len(first) > len(second) else (short, long)
        return first[:keep_first], second[:keep_second]

    def windows(self, length: int, room: int, stride: int) -> Iterator[slice]:
        """Slices of at most `room` pieces that cover `length` pieces, neighbours sharing `stride` of them.

        Raises:
            InputError: `room` does not exceed `stride`, so that windows would not advance.
        """
        if room <= stride:
            raise InputError(
                f"room for {room} tokens and a stride of {stride}; expected stride < room: lower the stride"
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
        text: str = self._tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)
        return text


def _template(tokenizer: Tokenizer) -> Template:
    """Read the special tokens off an encoded probe: where they stand around one text and around two."""
    single = tokenizer.encode("a")
    pair = tokenizer.encode("a", "a")
    one, two = (_groups(encoding.ids, encoding.special_tokens_mask) for encoding in (single, pair))
    if len(one) != 2 or len(two) != 3 or list(pair.type_ids) != _expected_types(pair.special_tokens_mask):
        raise BundleError(
            "the tokenizer's post-processor is not BERT's [CLS] A [SEP] B [SEP]; export a BERT checkpoint"
        )
    return Template((one[0], one[1]), (two[0], two[1], two[2]))


def _groups(ids: list[int], special: list[int]) -> list[tuple[int, ...]]:
    """The runs of special tokens, separated by the runs of ordinary ones."""
    groups: list[list[int]] = [[]]
    for i, (token, is_special) in enumerate(zip(ids, special, strict=True)):
        if is_special:
            groups[-1].append(token)
        elif i == 0 or special[i - 1]:
            groups.append([])
    return [tuple(group) for group in groups]


def _expected_types(special: list[int]) -> list[int]:
    """0 through the special tokens that end the first text, 1 from the second text on."""
    starts = [i for i in range(1, len(special)) if special[i - 1] and not special[i]]
    split = starts[-1] if len(starts) > 1 or not special[0] else len(special)
    return [int(i >= split) for i in range(len(special))]
