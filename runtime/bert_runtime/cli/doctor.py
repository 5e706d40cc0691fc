"""`bert-doctor`: what this machine can run, what is wrong with it, and what to do about each of these."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bert_runtime import bundle as bundles
from bert_runtime.cli.command import version
from bert_runtime.cli.report import Report, examine, show_report
from bert_runtime.errors import BertError, InputError
from bert_runtime.machine.system import System, this_system
from bert_runtime.record_writers import dumps, encode, to_json

HEALTHY, ILL, WRONG_INPUT = 0, 1, 2

DESCRIPTION = "Say what this machine can run, what is wrong with it, and what to do. Nothing is changed."
EXIT_CODES = "exit codes: 0 nothing is wrong, 1 something is that you can put right, 2 the input is wrong"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; bert-doctor --help explains the flags")


def main(argv: Sequence[str] | None = None, system: System | None = None) -> int:
    """Run the command on this machine, or on the `system` that is given; see EXIT_CODES."""
    try:
        arguments = _parser().parse_args(argv)
        bundle = None if arguments.bundle is None else bundles.read(arguments.bundle)
        report = examine(system or this_system(), None if bundle is None else bundle.manifest)
    except SystemExit:  # argparse has answered --help or --version
        return HEALTHY
    except BertError as error:
        print(f"bert-doctor: {error}", file=sys.stderr)
        return WRONG_INPUT
    _print(report, arguments.json)
    return ILL if report.faults else HEALTHY


def _parser() -> _Parser:
    parser = _Parser(prog="bert-doctor", description=DESCRIPTION, epilog=EXIT_CODES, allow_abbrev=False)
    parser.add_argument("bundle", nargs="?", type=Path, metavar="DIR", help="a bundle, to say what runs of it here")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--version", action="version", version=f"bert-doctor {version()}")
    return parser


def _print(report: Report, as_json: bool) -> None:
    if as_json:
        sys.stdout.buffer.write(encode(dumps(to_json(report))) + b"\n")
        sys.stdout.flush()
        return
    show_report(report, sys.stdout)


if __name__ == "__main__":
    sys.exit(main())
