"""Everything: `python -m benchmarks.run [--rounds N]` measures, one benchmark after another, then makes the tables."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from benchmarks import export_time, generation, latency, overhead, table
from benchmarks.race import Plan


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmarks one after another; results are kept as each ends."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--rounds", type=int, default=Plan().rounds, help="of each race")
    parsed = flags.parse_args(arguments)
    latency.main(["--rounds", str(parsed.rounds)])
    overhead.main([])
    export_time.main([])
    generation.main([])
    table.main()


if __name__ == "__main__":
    main()
