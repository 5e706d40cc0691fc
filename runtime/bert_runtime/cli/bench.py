"""`bert-bench`: how fast the artefacts of a bundle are on this machine."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from bert_runtime import bundle as bundles
from bert_runtime.bench import Line, Plan, bench
from bert_runtime.cli.command import version
from bert_runtime.cli.display import printable, show
from bert_runtime.cpus import available_cpus
from bert_runtime.errors import BertError, InputError
from bert_runtime.record_writers import Json, dumps, encode, to_json

DONE, WRONG_INPUT, INTERRUPTED = 0, 2, 130

DESCRIPTION = """\
Measure every artefact of a bundle that runs on this machine: the network alone by batch and length, the task's own
examples from text to answer one by one, and many of them in throughput mode. Artefacts take turns on the same inputs;
ratios are taken round by round against the first one."""
EXIT_CODES = "exit codes: 0 measured, 2 the input is wrong or nothing runs here, 130 interrupted"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; bert-bench --help explains the flags")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see EXIT_CODES."""
    try:
        arguments = _parser().parse_args(argv)
        plan = Plan(
            tuple(arguments.target or ()),
            tuple(arguments.batches),
            tuple(arguments.lengths),
            arguments.seconds,
            arguments.threads,
        )
        bundle = bundles.read(arguments.bundle)
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: _say(f"warning: {message}")
            lines = list(bench(bundle, plan, lambda reason: _say(f"skipped {reason}")))
    except SystemExit:  # argparse has answered --help or --version
        return DONE
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BertError as error:
        _say(str(error))
        return WRONG_INPUT
    _print(lines, bundle.manifest.task, arguments)
    return DONE


def _parser() -> _Parser:
    plan = Plan()
    parser = _Parser(prog="bert-bench", description=DESCRIPTION, epilog=EXIT_CODES, allow_abbrev=False)
    parser.add_argument("bundle", type=Path, metavar="DIR", help="the bundle")
    parser.add_argument("--target", action="append", metavar="TARGET", help="only this artefact; may be repeated")
    parser.add_argument("--batches", type=int, nargs="+", default=plan.batches, metavar="N", help="default: 1 8")
    parser.add_argument("--lengths", type=int, nargs="+", default=plan.lengths, metavar="N", help="default: 32 128 384")
    parser.add_argument(
        "--seconds", type=float, default=plan.seconds, metavar="S", help="of each line and artefact (default: 1)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="default: the CPUs this process may use")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--version", action="version", version=f"bert-bench {version()}")
    return parser


def _print(lines: Sequence[Line], task: str, arguments: argparse.Namespace) -> None:
    threads = arguments.threads or available_cpus()
    record: dict[str, Json] = {"task": task, "threads": threads, "times": [to_json(line) for line in lines]}
    if arguments.json:
        sys.stdout.buffer.write(encode(dumps(record)) + b"\n")
        sys.stdout.flush()
        return
    rows: list[Json] = [_shown(line) for line in lines]
    show({"task": task, "threads": threads, "milliseconds of a call": rows}, sys.stdout)


def _shown(line: Line) -> dict[str, Json]:
    size = f"{line.batch} x {line.length}" if line.length is not None else f"{line.batch}"
    times = {"p50": line.p50, "p90": line.p90, "p99": line.p99}
    rounded: dict[str, Json] = {name: f"{value:.2f}" for name, value in times.items()}
    speed: dict[str, Json] = {"a second": f"{line.per_second:,.0f}", "ratio": f"{line.ratio:.2f}x"}
    return {"work": line.work, "size": size, "artefact": line.artefact, **rounded, **speed}


def _say(message: str) -> None:
    print(f"bert-bench: {printable(message)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
