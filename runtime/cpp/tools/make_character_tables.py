"""Write tables of the code points that Python tells apart.

    python runtime/cpp/tools/make_character_tables.py [--check]

Nonspacing: an answer widened to whole words keeps the combining marks behind it (general category Mn). Printable: error
texts quote what was given as Python's repr() does. Lower case, cased and case ignorable: a text is lower-cased as
str.lower() does, which looks at what stands around a capital sigma. All follow the Unicode version of the Python that
runs this: the tables say which. `--check` compares instead of writing, and passes under another version.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "src"
HEADER = f"// Made by tools/{Path(__file__).name} from Unicode {unicodedata.unidata_version}."


def is_nonspacing(character: str) -> bool:
    """Whether it is drawn over the character before it."""
    return unicodedata.category(character) == "Mn"


def is_cased(character: str) -> bool:
    """Whether a sigma before it is not final; of characters that are case ignorable it does not matter."""
    return ("a\u03a3" + character).lower()[1] == "\u03c3"


def is_case_ignorable(character: str) -> bool:
    """Whether what stands behind it decides if a sigma before it is final."""
    return not is_cased(character) and ("a\u03a3" + character + "a").lower()[1] == "\u03c3"


RANGES: Mapping[str, Callable[[str], bool]] = {
    "nonspacing_table.inc": is_nonspacing,
    "cased_table.inc": is_cased,
    "case_ignorable_table.inc": is_case_ignorable,
}


def main() -> int:
    """Write or compare the tables; 1 where one differs."""
    texts = {SOURCES / name: table(is_in) for name, is_in in RANGES.items()}
    texts[SOURCES / "lower_case_table.inc"] = lower_case_table()
    if "--check" not in sys.argv[1:]:
        for path, text in texts.items():
            path.write_text(text, encoding="ascii")
        return 0
    wrong = [path.name for path, text in texts.items() if differs(path.read_text(encoding="ascii"), text)]
    for name in wrong:
        print(f"{name} is not what {Path(__file__).name} writes; run it", file=sys.stderr)
    return 1 if wrong else 0


def table(is_in: Callable[[str], bool]) -> str:
    """The header, and a line for each range of code points that are in the table."""
    ranges = [
        (group[0], group[-1])
        for is_member, codes in groupby(range(0x110000), lambda code: is_in(chr(code)))
        if is_member and (group := list(codes))
    ]
    return "\n".join([HEADER, *(f"{{0x{first:x}, 0x{last:x}}}," for first, last in ranges)]) + "\n"


def lower_case_table() -> str:
    """The header, and a line for each code point that str.lower() changes, with what it becomes.

    Raises:
        SystemExit: another code point than U+0130 becomes several, which the C++ code does not expect.
    """
    changed = {code: lower for code in range(0x80, 0x110000) if (lower := chr(code).lower()) != chr(code)}
    if changed.pop(0x130) != "i\u0307" or any(len(lower) != 1 for lower in changed.values()):
        raise SystemExit("str.lower() makes several code points of another one than U+0130")
    return "\n".join([HEADER, *(f"{{0x{code:x}, 0x{ord(lower):x}}}," for code, lower in changed.items())]) + "\n"


def differs(found: str, text: str) -> bool:
    """Whether a table is another one than this Python makes, though of the same version of Unicode."""
    return found != text and found.splitlines()[0] == HEADER


if __name__ == "__main__":
    sys.exit(main())
