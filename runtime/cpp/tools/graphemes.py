"""Which code points the tokenizers library holds together in a grapheme, found by asking it.

Its Precompiled normalizer replaces a grapheme of less than six bytes as a whole, by what its map has for the shortest
beginning of it: what follows that beginning is gone. A mark that is gone, or still there, tells where graphemes end.
"""

from __future__ import annotations

from charsmap import charsmap
from make_unicode_tables import CODE_POINTS, changed, mapped
from tokenizers.normalizers import NFD, Precompiled

MARK = "\u0301"
ZWJ = "\u200d"
KA, KHA, VIRAMA = "\u0915", "\u0916", "\u094d"
MAP = {
    "a": "X",
    MARK: "Z",
    "\u00a9": "Y",
    "\u2122": "M",
    "\u1100": "l",
    "\u1161": "v",
    "\u11a8": "t",
    KA: "k",
    KHA: "q",
}
SYLLABLES = range(0xAC00, 0xD7A4)
LINE = "\n"
CHUNK = 4096
ASKED = tuple(char for char in CODE_POINTS if char not in "\r\n")


def answers(question: str) -> dict[str, str]:
    """What becomes of `question` with each code point in place of its star."""
    ask = Precompiled(charsmap(MAP)).normalize_str
    found: dict[str, str] = {}
    for start in range(0, len(ASKED), CHUNK):
        chunk = ASKED[start : start + CHUNK]
        asked = LINE.join(question.replace("*", char) for char in chunk)
        found.update(zip(chunk, ask(asked).split(LINE), strict=True))
    return found


def kept(question: str) -> set[str]:
    """The code points with which the mark at the end is kept: it is no part of a short grapheme that the map begins."""
    return {char for char, answer in answers(question + MARK).items() if answer.endswith("Z")}


def classes() -> dict[str, set[str]]:
    """The code points of each class, by its name."""
    joins = {char for char, answer in answers("a*").items() if answer == "X"}
    prepends = kept("*a") - {MARK}
    control = {char for char, answer in answers(f"*{MARK}\u0300").items() if answer.endswith("Z")} | {"\r", "\n"}
    emoji = kept(f"\u2764*{ZWJ}\u2122")
    pictographs = {char for char, answer in answers(f"\u00a9{ZWJ}*").items() if answer.startswith("Y" + ZWJ)}
    after = {sample: kept("*" + sample) - prepends for sample in ("\u1100", "\u1161", "\u11a8")}
    leads, vowels = after["\u1100"], after["\u1161"] - after["\u1100"]
    tails = after["\u11a8"] - after["\u1161"] - leads
    syllables = {chr(code) for code in SYLLABLES}
    linkers = kept(f"{KA}*{KHA}") - prepends
    return {
        "EXTENDS": joins & emoji,
        "SPACING": joins - emoji,
        "PREPENDS": prepends,
        "CONTROL": control,
        "PICTOGRAPH": pictographs - joins,
        "HANGUL_L": leads,
        "HANGUL_V": vowels - syllables,
        "HANGUL_T": tails - syllables,
        "HANGUL_LV": vowels & syllables,
        "HANGUL_LVT": tails & syllables,
        "CONSONANT": kept(f"*{VIRAMA}{KA}") - prepends,
        "LINKER": linkers,
        "CONJUNCT": kept(f"{KA}{VIRAMA}*{KHA}") - prepends - linkers,
    }


def moved_by_normal_forms() -> set[str]:
    """The code points that NFD may move: they combine."""
    nfd = NFD().normalize_str
    lowest, highest, bar = "\u0334", "\u0345", "|"
    before = mapped(lambda joined: nfd(joined.replace(bar, lowest + bar) + lowest))
    behind = mapped(lambda joined: nfd(highest + joined.replace(bar, bar + highest)))
    decomposed = changed(mapped(nfd))
    single = (char for char in CODE_POINTS if char not in decomposed and char != bar)
    return {char for char in single if before[char] != char + lowest or behind[char] != highest + char}
