"""Texts that tell tokenizers apart: cases, accents, scripts, odd characters, long texts, and the vocabulary's own."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import Any

FIXED = (
    "",
    " ",
    "\t \n\r ",
    "a",
    "Hello World, HELLO world: iPhone McDonald.",
    "it's a state-of-the-art e.g. 3.14 $5.00 50% (see §7) #tag @name a_b c/d <e> {f} [g] h^i j`k l~m n|o p\\q",
    "café naïve Ångström São façade Übermut Œuvre Łódź Æther Đặng",
    unicodedata.normalize("NFD", "café naïve Ångström São Tiếng Việt"),
    "İstanbul ısı IĞDIR Straße STRASSE ẞ ΟΔΥΣΣΕΥΣ Ὀδυσσεύς ǅ Ⅷ K Å",
    "Москва Ёлка ЙОД Київ Ґанок",
    "東京に行きました。PyTorch是Facebook的，今天天气很好！𠀀㐀",
    "カタカナ ｶﾞﾝﾀﾞﾑ ひらがな がぎぐげご パピプペポ ー・",
    "한국어 문장입니다 " + unicodedata.normalize("NFD", "한국어"),
    "مَرْحَبًا بالعالم שָׁלוֹם नमस्ते दुनिया สวัสดีชาวโลก",
    "😀 👩‍👩‍👧‍👦 🇩🇪 👍🏽 ❤️ ☎ ok",
    "a\x00b\x07c\x1bd\x7fe\x85f\xa0g\xadh\u200bi\u200dj\u2028k\u3000l\ufeffm\ufffdn\ue000o",
    "ＡＢＣ１２３ ﬁ ﬂ x² ½ ℃ ™ 𝒳𝕐 ①",
    "“quoted” ‘single’ «guillemets» — – … · • ‰ † ¿qué? ¡sí! 、。「」",
    "##ing ## #ing un##related [MASK [ MASK ] [cls] [Sep] <s> </s> <mask>",
    "https://example.org/a?b=c&d=e#f user.name+tag@example.org 1234567890 0x1F 12:30",
    "a" * 99,
    "a" * 100,
    "a" * 101,
    "Ä" * 101,
    "x" * 4000,
    "1" * 300,
    "." * 300,
    "\u0301" * 50,
)
EACH_KIND = 32
"""Entries of the vocabulary that are tried of each kind."""
TOGETHER = 8
"""Entries of the vocabulary, or added tokens, in one text."""


@dataclass(frozen=True)
class Texts:
    """What both tokenizers encode."""

    singles: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]


def stress_texts(
    vocabulary: Mapping[str, int], added: Sequence[str], longest: int, examples: Sequence[Mapping[str, Any]]
) -> Texts:
    """The texts for one tokenizer, the same for the same tokenizer.

    Args:
        vocabulary: entry -> id.
        added: the special tokens and the added ones.
        longest: the maximum length, which some texts exceed.
        examples: the task's, with which the parity gate compares answers.
    """
    long = " ".join(f"word{i} No.{i}" for i in range(longest))
    other = " ".join(f"Text{i}, {i}" for i in range(longest, 2 * longest))
    own = [text for record in examples for text in _strings(record)]
    singles = (*FIXED, long, *_with_tokens(added), *_of_vocabulary(vocabulary), *own)
    token = f"{added[0]} one {added[-1]}" if added else "one"
    short = "Is it short?"
    pairs = [(short, long), (long, short), (long, other), (other, long), (short, short), (token, token)]
    pairs += [("", ""), ("", short), (short, ""), (short, " "), (FIXED[10], FIXED[6])]
    pairs += list(pairwise(own))
    return Texts(tuple(dict.fromkeys(singles)), tuple(dict.fromkeys(pairs)))


def _with_tokens(tokens: Sequence[str]) -> Iterator[str]:
    """Every token alone, inside words, beside spaces and in other cases; of very many the rest side by side."""
    for token in tokens[:EACH_KIND]:
        yield f"{token} one{token}two {token} three  {token}  {token}{token} {token}"
        yield f"one {token.lower()} {token.upper()} {token[:-1]} {token[1:]}"
        yield token
    yield from _joined(list(tokens[EACH_KIND:]))


def _of_vocabulary(vocabulary: Mapping[str, int]) -> Iterator[str]:
    """Entries of each kind, evenly spaced in the order of ids: as they are, and pieces of words behind a letter."""
    entries = sorted(vocabulary, key=lambda entry: (vocabulary[entry], entry))
    for is_kind in KINDS:
        found = [entry for entry in entries if is_kind(entry)]
        chosen = list(islice(found, 0, None, max(1, len(found) // EACH_KIND)))[: EACH_KIND + 1]
        yield from _joined(chosen)
        if is_kind is _is_piece:
            first = next((entry for entry in entries if _is_plain(entry)), "x")
            yield from _joined([first + entry.removeprefix("##") for entry in chosen])


def _joined(entries: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(entries), TOGETHER):
        yield " ".join(entries[start : start + TOGETHER])


def _is_piece(entry: str) -> bool:
    return entry.startswith("##")


def _has_case(entry: str) -> bool:
    return entry != entry.lower()


def _has_accent(entry: str) -> bool:
    return not entry.isascii() and any(unicodedata.combining(char) for char in unicodedata.normalize("NFD", entry))


def _has_space(entry: str) -> bool:
    return any(char.isspace() or not char.isprintable() for char in entry)


def _is_mixed(entry: str) -> bool:
    """Letters and punctuation in one entry, which BERT's own pre-tokenizer never leaves together."""
    return not _is_piece(entry) and len(entry) > 1 and not entry.isalnum()


def _is_foreign(entry: str) -> bool:
    return not entry.isascii()


def _is_plain(entry: str) -> bool:
    return entry.isascii() and entry.isalnum()


KINDS: tuple[Callable[[str], bool], ...] = (
    _is_piece,
    _has_case,
    _has_accent,
    _has_space,
    _is_mixed,
    _is_foreign,
    _is_plain,
)


def _strings(value: Any) -> Iterator[str]:
    """Every string of a record, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _strings(each)
