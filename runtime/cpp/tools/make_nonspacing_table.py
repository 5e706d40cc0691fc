"""Write `src/nonspacing_table.inc`: the code points whose general category is Mn, as ranges.

    python runtime/cpp/tools/make_nonspacing_table.py [--check]

An answer widened to whole words keeps the combining marks behind it, as Python's `unicodedata` knows them: the table
says which version of Unicode that is. `--check` compares instead of writing, and passes under another version.
"""

from __future__ import annotations

import sys
import unicodedata
from itertools import groupby
from pathlib import Path

OUTPUT = Path(__file__).parent.parent / "src" / "nonspacing_table.inc"


def main() -> int:
    """Write or compare the table; 1 where it differs."""
    ranges = [
        (group[0], group[-1])
        for is_mark, codes in groupby(range(0x110000), lambda code: unicodedata.category(chr(code)) == "Mn")
        if is_mark and (group := list(codes))
    ]
    lines = [f"// Made by tools/make_nonspacing_table.py from Unicode {unicodedata.unidata_version}."]
    lines += [f"{{0x{first:x}, 0x{last:x}}}," for first, last in ranges]
    text = "\n".join(lines) + "\n"
    if "--check" not in sys.argv[1:]:
        OUTPUT.write_text(text, encoding="ascii")
        return 0
    found = OUTPUT.read_text(encoding="ascii")
    if found == text or found.splitlines()[0] != lines[0]:
        return 0
    print(f"{OUTPUT.name} is not what make_nonspacing_table.py writes; run it", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
