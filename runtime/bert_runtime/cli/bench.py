"""`bert-bench`: how fast the artefacts of a bundle are on this machine."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from bert_runtime.cli.boundary import run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its `--help` lists the exit codes."""

    def body(output: TextIO) -> int:
        from bert_runtime.cli.measure import measure  # noqa: PLC0415 - inside the boundary: it imports numpy

        return measure(argv, output)

    return run_command("bert-bench", body, is_process=argv is None)


if __name__ == "__main__":
    sys.exit(main())
