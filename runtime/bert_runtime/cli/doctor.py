"""`bert-doctor`: what this machine can run, what is wrong with it, and what to do about each of these."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from bert_runtime.cli.boundary import DONE, FAILED, run_command

if TYPE_CHECKING:
    from bert_runtime.machine.system import System

DESCRIPTION = "Say what this machine can run, what is wrong with it, and what to do. Nothing is changed."
EXIT_CODES = (
    "exit codes: 0 nothing is wrong, 1 something is that you can put right, 2 the input is wrong, 130 interrupted, "
    "141 the reader of the output went away"
)


def main(argv: Sequence[str] | None = None, system: System | None = None) -> int:
    """Run the command on this machine, or on the `system` that is given; see EXIT_CODES."""
    return run_command("bert-doctor", lambda output: _examine(argv, system, output), is_process=argv is None)


def _examine(argv: Sequence[str] | None, system: System | None, output: TextIO) -> int:
    # Inside the boundary: what is imported here imports numpy.
    from bert_runtime import bundle as bundles  # noqa: PLC0415
    from bert_runtime.cli.display import write_json  # noqa: PLC0415
    from bert_runtime.cli.parser import Parser  # noqa: PLC0415
    from bert_runtime.cli.report import examine, show_report, with_canaries  # noqa: PLC0415
    from bert_runtime.hub import located  # noqa: PLC0415
    from bert_runtime.machine.system import this_system  # noqa: PLC0415
    from bert_runtime.record_writers import to_json  # noqa: PLC0415

    parser = Parser("bert-doctor", output, description=DESCRIPTION, epilog=EXIT_CODES)
    parser.add_argument(
        "bundle",
        nargs="?",
        metavar="DIR_OR_HUB_ID",
        help="a bundle, to say what runs of it here, and whether that answers as torch did",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    bundle = None if arguments.bundle is None else bundles.read(located(arguments.bundle))
    report = examine(system or this_system(), None if bundle is None else bundle.manifest)
    if bundle is not None:
        report = with_canaries(report, bundle)
    if arguments.json:
        write_json(to_json(report), output)
    else:
        show_report(report, output)
    return FAILED if report.faults else DONE


if __name__ == "__main__":
    sys.exit(main())
