"""Results to a page: `python -m benchmarks.page [--results DIR] [--output FILE]`.

One file of HTML that needs no network, and, from the results that the repository keeps, the pictures of the READMEs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.page.document import document
from benchmarks.page.pictures import write_pictures
from benchmarks.results import FOLDER, ResultsError, read_all

OUTPUT = Path("build/benchmarks/page/index.html")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page; broken results end the command with their names and exit code 2."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--results", type=Path, default=FOLDER, help="a folder with a folder for each machine")
    flags.add_argument("--output", type=Path, default=OUTPUT)
    parsed = flags.parse_args(arguments)
    try:
        results = list(read_all(parsed.results))
    except ResultsError as error:
        flags.exit(2, f"{error}\n")
    if not results:
        flags.exit(2, f"{parsed.results} holds no results, expected MACHINE/BENCHMARK-SUBJECT.json in it\n")
    parsed.output.parent.mkdir(parents=True, exist_ok=True)
    parsed.output.write_text(document(results), encoding="utf-8")
    print(parsed.output, file=sys.stderr)
    if parsed.results == FOLDER:
        for path in write_pictures(results):
            print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
