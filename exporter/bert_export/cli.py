"""`bert-export`: argparse around one call of `export`. Each flag is one field of ExportOptions."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from bert_export.errors import GateError
from bert_runtime.cli.boundary import run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; its `--help` lists the exit codes."""

    def body(output: TextIO) -> int:
        from bert_export.command import run  # noqa: PLC0415 - inside the boundary: it imports much

        return run(sys.argv[1:] if argv is None else argv, output)

    return run_command("bert-export", body, is_process=argv is None, failures=(GateError,))


if __name__ == "__main__":
    sys.exit(main())
