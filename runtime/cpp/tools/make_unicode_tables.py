"""Write `src/unicode_tables.inc`: what the tokenizers library does to every code point, found by asking it.

    python runtime/cpp/tools/make_unicode_tables.py [--check]

Nothing here knows Unicode: each property is read off the behaviour of the installed library, so the C++ tokenizer
follows the versions of Unicode that the library was built with (it uses several). `--check` compares, writing nothing.
"""

from __future__ import annotations

import argparse
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Tokenizer, models
from tokenizers.normalizers import NFD, BertNormalizer, Lowercase
from tokenizers.pre_tokenizers import BertPreTokenizer, WhitespaceSplit

OUTPUT = Path(__file__).parent.parent / "src" / "unicode_tables.inc"
CODE_POINTS = tuple(chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF)
BAR = "|"
"""Stands between code points when many are asked about at once: no normalizer touches it."""
CHUNK = 256
TOKEN = "\U0010fffd"
"""An added token of one character: private use, no part of a word and no space."""
HANGUL = range(0xAC00, 0xD7A4)
BLOCK = 128
"""Code points to a block of the two-stage table."""


class Flag(IntFlag):
    """The properties of a code point; `src/unicode.h` has the same names and values."""

    DROPPED = 1  # clean_text removes it
    SPACE = 2  # words end there, and clean_text makes it a space
    CHINESE = 4  # handle_chinese_chars puts spaces around it
    PUNCTUATION = 8  # a word of its own
    MARK = 16  # strip_accents removes it
    WORD = 32  # a token with single_word does not match beside it
    DECOMPOSES = 64  # NFD writes it with other code points
    LOWERS = 128  # lowercase changes it
    COMBINES = 256  # NFD may move it past its neighbours


@dataclass(frozen=True)
class Tables:
    """Everything that is written: the code points with each flag, mappings, and combining classes."""

    flags: dict[Flag, set[str]]
    decomposed: dict[str, str]
    lowered: dict[str, str]
    classes: dict[str, int]


def chunks() -> Iterator[Sequence[str]]:
    """All code points, so many that one call of the library is worth its price."""
    return (CODE_POINTS[start : start + CHUNK] for start in range(0, len(CODE_POINTS), CHUNK))


def mapped(normalize: Callable[[str], str], bar: str = BAR) -> dict[str, str]:
    """Every code point with what `normalize`, which makes no `bar` of another one, makes of it alone."""
    results: dict[str, str] = {bar: bar}
    for chunk in chunks():
        part = [char for char in chunk if char != bar]
        results.update(zip(part, normalize(bar.join(part)).split(bar), strict=True))
    return results


def changed(results: dict[str, str]) -> dict[str, str]:
    """Those that do not stay as they are."""
    return {char: result for char, result in results.items() if result != char}


def bert(**settings: bool) -> Callable[[str], str]:
    """A BertNormalizer that does one thing."""
    off = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    return BertNormalizer(**{**off, **settings}).normalize_str


def words_around() -> dict[str, int]:
    """How many words BertPreTokenizer finds in `a` + char + `a`: 2 around a space, 3 with punctuation."""
    counts: dict[str, int] = {}
    for chunk in chunks():
        words = BertPreTokenizer().pre_tokenize_str("".join(f"a{char}a " for char in chunk))
        found = Counter(begin // 4 for _, (begin, _) in words)
        counts.update((char, found[i]) for i, char in enumerate(chunk))
    return counts


def before_added_token(first: int, **settings: bool) -> set[str]:
    """The code points behind which an added token matches, from character `first` of BAR, char, token on."""
    asked = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    asked.pre_tokenizer = WhitespaceSplit()
    asked.add_tokens([AddedToken(TOKEN, normalized=False, **settings)])
    found: set[str] = set()
    for chunk in chunks():
        encoding = asked.encode("".join(f"{BAR}{char}{TOKEN}" for char in chunk))
        matches = {begin for (begin, _), token in zip(encoding.offsets, encoding.ids, strict=True) if token == 1}
        found.update(char for i, char in enumerate(chunk) if 3 * i + first in matches)
    return found - {TOKEN}


def combining_classes(nfd: Callable[[str], str], decomposed: dict[str, str]) -> dict[str, int]:
    """The code points that NFD reorders, with their combining classes.

    Python's own classes give one sample of each class; the class of every code point is then that of the one sample
    beside which the library leaves it alone on either side.
    """
    lowest, highest = "\u0334", "\u0345"
    before = mapped(lambda joined: nfd(joined.replace(BAR, lowest + BAR) + lowest))
    behind = mapped(lambda joined: nfd(highest + joined.replace(BAR, BAR + highest)))
    single = (char for char in CODE_POINTS if char not in decomposed and char != BAR)
    moved = [char for char in single if before[char] != char + lowest or behind[char] != highest + char]
    samples = {unicodedata.combining(char): char for char in reversed(moved)}
    classes: dict[str, int] = {}
    for char in moved:
        same = [k for k, s in samples.items() if nfd(char + s) == char + s and nfd(s + char) == s + char]
        if len(same) != 1:
            raise SystemExit(f"U+{ord(char):04X}: combining classes that fit are {same}, expected one")
        classes[char] = same[0]
    return classes


def ask() -> Tables:
    """Every table, from the installed library.

    Raises:
        SystemExit: the library does something that the C++ code cannot express.
    """
    cleaned, lowered = mapped(bert(clean_text=True)), changed(mapped(Lowercase().normalize_str))
    nfd = NFD().normalize_str
    decomposed, stripped = changed(mapped(nfd)), mapped(bert(strip_accents=True))
    classes, words = combining_classes(nfd, decomposed), words_around()
    flags = {
        Flag.DROPPED: {char for char, result in cleaned.items() if not result},
        Flag.SPACE: {char for char, count in words.items() if count == 2},
        Flag.CHINESE: set(changed(mapped(bert(handle_chinese_chars=True)))),
        Flag.PUNCTUATION: {char for char, count in words.items() if count == 3},
        Flag.MARK: {char for char, result in stripped.items() if not result and char not in decomposed},
        Flag.WORD: set(CODE_POINTS) - before_added_token(2, single_word=True) - {TOKEN},
        Flag.DECOMPOSES: set(decomposed),
        Flag.LOWERS: set(lowered),
        Flag.COMBINES: set(classes),
    }
    tables = Tables(flags, decomposed, lowered, classes)
    check(tables, cleaned, stripped)
    return tables


def check(tables: Tables, cleaned: dict[str, str], stripped: dict[str, str]) -> None:
    """What the C++ code takes for granted."""
    flags, decomposed = tables.flags, tables.decomposed
    space, dropped, mark = flags[Flag.SPACE], flags[Flag.DROPPED], flags[Flag.MARK]
    facts = {
        "clean_text removes, or writes a space for what ends words": all(
            result == ("" if char in dropped else " " if char in space else char) for char, result in cleaned.items()
        ),
        "lstrip takes what ends words": before_added_token(1, lstrip=True) == space,
        "Chinese characters get a space on either side": all(
            result == f" {char} " for char, result in changed(mapped(bert(handle_chinese_chars=True))).items()
        ),
        "strip_accents is NFD without marks": all(
            result == "".join(c for c in decomposed.get(char, char) if c not in mark)
            for char, result in stripped.items()
        ),
        "Hangul syllables decompose by arithmetic": all(decomposed.get(chr(c)) == hangul(c) for c in HANGUL),
        "no decomposition decomposes": not any(c in decomposed for result in decomposed.values() for c in result),
        "lowercase is the same in BertNormalizer": changed(mapped(bert(lowercase=True, strip_accents=False)))
        == tables.lowered,
    }
    false = [fact for fact, holds in facts.items() if not holds]
    if false:
        raise SystemExit(f"tokenizers {tokenizers.__version__} differs from what the C++ code assumes: {false}")


def hangul(code: int) -> str:
    """The decomposition of a Hangul syllable (The Unicode Standard, section 3.12)."""
    lead, rest = divmod(code - HANGUL.start, 21 * 28)
    vowel, tail = divmod(rest, 28)
    return chr(0x1100 + lead) + chr(0x1161 + vowel) + (chr(0x11A7 + tail) if tail else "")


def written(tables: Tables) -> str:
    """The C++ text of the tables."""
    flags = [0] * 0x110000
    for flag, chars in tables.flags.items():
        for char in chars:
            flags[ord(char)] |= flag
    parts = [tuple(flags[start : start + BLOCK]) for start in range(0, len(flags), BLOCK)]
    blocks = {block: i for i, block in enumerate(dict.fromkeys(parts))}
    decomposed = {char: result for char, result in tables.decomposed.items() if ord(char) not in HANGUL}
    pool = "".join(dict.fromkeys([*decomposed.values(), *tables.lowered.values()]))
    return "\n".join(
        [
            "// Made by tools/make_unicode_tables.py from the behaviour of the tokenizers library; do not edit.",
            "// clang-format off",
            array("std::uint16_t", "kBlockOf", [str(blocks[part]) for part in parts]),
            array("std::uint16_t", "kBlocks", [str(value) for block in blocks for value in block]),
            array("char32_t", "kPool", [f"0x{ord(char):X}" for char in pool]),
            array("Mapping", "kDecomposed", mappings(decomposed, pool)),
            array("Mapping", "kLowered", mappings(tables.lowered, pool)),
            array("Combining", "kCombining", [f"{{0x{ord(c):X},{k}}}" for c, k in sorted(tables.classes.items())]),
            "",
        ]
    )


def mappings(results: dict[str, str], pool: str) -> list[str]:
    """Code point, place in the pool and length, ordered by code point."""
    return [f"{{0x{ord(char):X},{pool.index(result)},{len(result)}}}" for char, result in sorted(results.items())]


def array(kind: str, name: str, values: Sequence[str]) -> str:
    """A constant array, in lines of at most 120 characters."""
    lines, line = [], ""
    for value in values:
        if len(line) + len(value) >= 119:
            lines.append(line)
            line = ""
        line += f"{value},"
    return "\n".join([f"constexpr {kind} {name}[{len(values)}] = {{", *lines, line, "};"])


def main() -> int:
    """Write or compare; 1 when they differ."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--check", action="store_true", help="compare the file with the library instead of writing it")
    return put(OUTPUT, written(ask()), flags.parse_args().check)


def put(path: Path, content: str, is_check: bool) -> int:
    """Write a table, or only compare it with what is there; 1 when they differ."""
    if not is_check:
        path.write_text(content, encoding="ascii")
        return 0
    if path.read_text(encoding="ascii") == content:
        return 0
    print(f"{path.name} differs from what tokenizers {tokenizers.__version__} does; run {Path(sys.argv[0]).name}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
