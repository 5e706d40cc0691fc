"""Texts that tokenizers disagree about: every code point, and mixtures of what breaks words, accents and offsets."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator, Sequence

CODE_POINTS = tuple(chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF)
MARKS = tuple(char for char in CODE_POINTS if unicodedata.combining(char))
DECOMPOSED = tuple(char for char in CODE_POINTS if unicodedata.decomposition(char))
CASED = tuple(char for char in CODE_POINTS if char.lower() != char)
SPACES = (*" \t\n\r\x0b\x0c\x1c\x85", "\u00a0", "\u2003", "\u2028", "\u3000", "\u200b", "\ufeff")
CONTROLS = ("\x00", "\x01", "\x7f", "\u00ad", "\u200d", "\u202e", "\ufffd", "\ue000", "\U000e0001", "\U0010ffff")
WORDS = (
    "the",
    "Transformers",
    "unaffable",
    "İstanbul",
    "ΟΔΥΣΣΕΥΣ",
    "naïve",
    "café",
    "Straße",
    "日本語",
    "한국어",
    "नमस्ते",
)
EMOJI = ("😀", "👩‍👩‍👧", "🇩🇪", "👍🏽", "❤️")


def all_code_points(generator: random.Random, length: int = 64) -> Iterator[str]:
    """Every code point once, in random company."""
    shuffled = generator.sample(CODE_POINTS, len(CODE_POINTS))
    return ("".join(shuffled[start : start + length]) for start in range(0, len(shuffled), length))


def mixtures(
    generator: random.Random, count: int, tokens: Sequence[str] = ("[MASK]", "[SEP]", "[mask]")
) -> Iterator[str]:
    """`count` texts of up to 24 parts of all kinds, `tokens` among them."""
    return ("".join(_part(generator, tokens) for _ in range(generator.randrange(24))) for _ in range(count))


def _part(generator: random.Random, tokens: Sequence[str]) -> str:
    kind = generator.randrange(12)
    if kind == 0:
        return generator.choice("aeiouAEIOU<>=\u1100\u0f40") + "".join(
            generator.choices(MARKS, k=generator.randrange(6))
        )
    if kind == 1:
        return "".join(generator.choices(DECOMPOSED, k=2)) + generator.choice(MARKS)
    if kind == 2:
        return generator.choice(tokens)
    if kind == 3:
        return generator.choice("abcXYZé日́") * generator.choice((1, 2, 49, 99, 100, 101, 350))
    pools: tuple[Sequence[str], ...] = (SPACES, CONTROLS, WORDS, EMOJI, CASED, CODE_POINTS, "[]()!?.,'#_-", (" ",))
    return generator.choice(pools[kind - 4])
