"""Write `src/printable_table.inc`: the code points that Python's repr() shows as they are, as ranges.

    python runtime/cpp/tools/make_printable_table.py [--check]

Error texts quote what was given as Python does. Which characters count as printable follows the Unicode version of the
Python that runs this: the table says which. `--check` compares instead of writing, and passes under another version.
"""

from __future__ import annotations

import sys
import unicodedata
from itertools import groupby
from pathlib import Path

OUTPUT = Path(__file__).parent.parent / "src" / "printable_table.inc"


def main() -> int:
    """Write or compare the table; 1 where it differs."""
    ranges = [
        (group[0], group[-1])
        for printable, codes in groupby(range(0x110000), lambda code: chr(code).isprintable())
        if printable and (group := list(codes))
    ]
    lines = [f"// Made by tools/make_printable_table.py from Unicode {unicodedata.unidata_version}."]
    lines += [f"{{0x{first:x}, 0x{last:x}}}," for first, last in ranges]
    text = "\n".join(lines) + "\n"
    if "--check" not in sys.argv[1:]:
        OUTPUT.write_text(text, encoding="ascii")
        return 0
    found = OUTPUT.read_text(encoding="ascii")
    if found == text or found.splitlines()[0] != lines[0]:
        return 0
    print(f"{OUTPUT.name} is not what make_printable_table.py writes; run it", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
