"""Write `src/unicode/class_tables.inc`: more of what the tokenizers library does to every code point.

    python runtime/cpp/tools/make_class_tables.py [--check]

Letters and numbers of its regular expressions, what its normal forms change, and where it ends a grapheme: found by
asking it. Nothing here knows Unicode: see make_unicode_tables.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import IntFlag
from pathlib import Path

import graphemes
import tokenizers
from make_unicode_tables import BLOCK, CODE_POINTS, HANGUL, array, changed, mapped, mappings, put, words_around
from tokenizers import Regex
from tokenizers.normalizers import NFC, NFD, NFKC, NFKD, StripAccents
from tokenizers.pre_tokenizers import Digits, Punctuation, Split, Whitespace, WhitespaceSplit

OUTPUT = Path(__file__).parent.parent / "src" / "unicode" / "class_tables.inc"
CHUNK = 8192
LINE = "\n"
"""Stands between code points where a bar may be made of another: of a wide one, by NFKD."""


class Class(IntFlag):
    """The classes of a code point; `src/unicode/classes.h` has the same names and values."""

    LETTER = 1  # \p{L}
    NUMBER = 2  # \p{N}
    NUMERIC = 4  # Digits cuts it off
    COMBINING_MARK = 8  # StripAccents removes it
    COMPOSES = 16  # NFC may change it, or join it with what stands before
    COMPATIBLE = 32  # NFKD writes it otherwise than NFD
    EXTENDS = 64  # goes on with the grapheme before it
    SPACING = 128  # the same, but not in an emoji's sequence
    PREPENDS = 256  # goes on with what stands behind it
    CONTROL = 512  # a grapheme of its own
    PICTOGRAPH = 1024
    HANGUL_L = 2048
    HANGUL_V = 4096
    HANGUL_T = 8192
    HANGUL_LV = 16384
    HANGUL_LVT = 32768
    CONSONANT = 65536  # joined by a linker
    LINKER = 131072
    CONJUNCT = 262144  # may stand between a linker and a consonant


def chunks() -> Iterator[str]:
    return ("".join(CODE_POINTS[start : start + CHUNK]) for start in range(0, len(CODE_POINTS), CHUNK))


def matching(pattern: str) -> set[str]:
    """The code points that a pattern of one character matches, in the library's own expressions."""
    cut = Split(Regex(pattern), "removed", invert=True)
    return {piece for chunk in chunks() for piece, _ in cut.pre_tokenize_str(chunk)}


def cut_off(cut: Digits | Punctuation) -> set[str]:
    """The code points that a pre-tokenizer isolates."""
    parts = (piece for chunk in chunks() for piece, _ in cut.pre_tokenize_str("aa".join(("", *chunk, ""))))
    return {piece for piece in parts if len(piece) == 1}


def compositions(nfc: dict[str, str], decomposed: dict[str, str]) -> dict[tuple[str, str], str]:
    """The pairs that NFC makes one of, but for Hangul syllables."""
    pairs: dict[tuple[str, str], str] = {}
    for char, parts in decomposed.items():
        if ord(char) in HANGUL or nfc.get(char, char) != char:
            continue
        first = NFC().normalize_str(parts[:-1])
        if len(first) != 1:
            raise SystemExit(f"U+{ord(char):04X} is composed of {len(first)} parts before its last, expected one")
        pairs[first, parts[-1]] = char
    return pairs


def classes(pairs: dict[tuple[str, str], str], nfc: dict[str, str]) -> dict[Class, set[str]]:
    """The code points of each class."""
    nfd, nfkd = mapped(NFD().normalize_str), mapped(NFKD().normalize_str, LINE)
    seconds = {second for _, second in pairs} | {chr(code) for code in range(0x1161, 0x11C3)}
    marks = {char for char, result in mapped(StripAccents().normalize_str).items() if not result}
    moved = graphemes.moved_by_normal_forms()
    return {
        Class.LETTER: matching(r"\p{L}"),
        Class.NUMBER: matching(r"\p{N}"),
        Class.NUMERIC: cut_off(Digits(individual_digits=True)),
        Class.COMBINING_MARK: marks,
        Class.COMPOSES: set(nfc) | seconds | moved,
        Class.COMPATIBLE: {char for char in CODE_POINTS if nfkd[char] != nfd[char]},
        **{Class[name]: members for name, members in graphemes.classes().items()},
    }


def check() -> None:
    """What the C++ code takes for granted.

    Raises:
        SystemExit: the library does otherwise.
    """
    words = words_around()
    spaces = {char for char, count in words.items() if count == 2}
    split = {p for c in chunks() for p, _ in WhitespaceSplit().pre_tokenize_str("\n".join(c))}
    inside = {p for c in chunks() for p, _ in Whitespace().pre_tokenize_str("\n".join(c))}
    facts = {
        "\\s is what ends words": matching(r"\s") == spaces,
        "WhitespaceSplit cuts there": split == set(CODE_POINTS) - spaces,
        "Whitespace cuts there": inside == set(CODE_POINTS) - spaces,
        "Punctuation is BertPreTokenizer's": cut_off(Punctuation()) == {c for c, count in words.items() if count == 3},
        "NFKC is NFC of NFKD": mapped(NFKC().normalize_str, LINE)
        == mapped(lambda joined: NFC().normalize_str(NFKD().normalize_str(joined)), LINE),
    }
    false = [fact for fact, holds in facts.items() if not holds]
    if false:
        raise SystemExit(f"tokenizers {tokenizers.__version__} differs from what the C++ code assumes: {false}")


def written() -> str:
    """The C++ text of the tables."""
    nfc, decomposed = changed(mapped(NFC().normalize_str)), changed(mapped(NFD().normalize_str))
    pairs = compositions(nfc, decomposed)
    found = classes(pairs, nfc)
    check()
    bits = [0] * 0x110000
    for each, members in found.items():
        for char in members:
            bits[ord(char)] |= each
    parts = [tuple(bits[start : start + BLOCK]) for start in range(0, len(bits), BLOCK)]
    blocks = {block: i for i, block in enumerate(dict.fromkeys(parts))}
    nfkd = mapped(NFKD().normalize_str, LINE)
    compatible = {char: nfkd[char] for char in sorted(found[Class.COMPATIBLE])}
    pool = "".join(dict.fromkeys(compatible.values()))
    composed = [f"{{0x{ord(a):X},0x{ord(b):X},0x{ord(c):X}}}" for (a, b), c in sorted(pairs.items())]
    return "\n".join(
        [
            "// Made by tools/make_class_tables.py from the behaviour of the tokenizers library; do not edit.",
            "// clang-format off",
            array("std::uint16_t", "kClassBlockOf", [str(blocks[part]) for part in parts]),
            array("std::uint32_t", "kClassBlocks", [str(value) for block in blocks for value in block]),
            array("char32_t", "kCompatiblePool", [f"0x{ord(char):X}" for char in pool]),
            array("ClassMapping", "kCompatibleForms", mappings(compatible, pool)),
            array("Composition", "kCompositions", composed),
            "",
        ]
    )


def main() -> int:
    """Write or compare; 1 when they differ."""
    return put(OUTPUT, written(), "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
