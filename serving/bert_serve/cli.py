"""`bert-serve`: argparse around a server. Each flag is one field of ServeOptions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from bert_runtime.cli.boundary import run_command
from bert_serve.end_signals import EndSignals

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run `bert-serve`; its `--help` lists the exit codes."""

    def body(output: TextIO) -> int:
        signals = EndSignals()  # before all that is imported: an exception in one of its callbacks comes to nothing
        from bert_serve.command import run  # noqa: PLC0415 - inside the boundary: it imports numpy

        return run(sys.argv[1:] if argv is None else argv, output, signals)

    return run_command("bert-serve", body, is_process=argv is None)
