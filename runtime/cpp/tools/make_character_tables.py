"""Write `src/nonspacing_table.inc` and `src/printable_table.inc`: code points that Python tells apart, as ranges.

    python runtime/cpp/tools/make_character_tables.py [--check]

Nonspacing: an answer widened to whole words keeps the combining marks behind it (general category Mn). Printable: error
texts quote what was given as Python's repr() does. Both follow the Unicode version of the Python that runs this: the
tables say which. `--check` compares instead of writing, and passes under another version.
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


TABLES: Mapping[str, Callable[[str], bool]] = {
    "nonspacing_table.inc": is_nonspacing,
    "printable_table.inc": str.isprintable,
}


def main() -> int:
    """Write or compare the tables; 1 where one differs."""
    texts = {SOURCES / name: table(is_in) for name, is_in in TABLES.items()}
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


def differs(found: str, text: str) -> bool:
    """Whether a table is another one than this Python makes, though of the same version of Unicode."""
    return found != text and found.splitlines()[0] == HEADER


if __name__ == "__main__":
    sys.exit(main())
