"""What `bert-bench` does: its flags, the measurements, and their table."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TextIO

from bert_runtime import bundle as bundles
from bert_runtime.bench import Line, Plan, bench
from bert_runtime.cli.boundary import DONE, tell
from bert_runtime.cli.display import show, write_json
from bert_runtime.cli.parser import Parser, check_target, number, whole_number
from bert_runtime.cpus import available_cpus
from bert_runtime.hub import located
from bert_runtime.record_writers import Json, to_json

DESCRIPTION = """\
Measure every artefact of a bundle that runs on this machine: the network alone
by batch and length, the task's own examples from text to answer one by one, and
many of them in throughput mode. Artefacts take turns on the same inputs; ratios
are taken round by round against the first one."""
EXIT_CODES = """\
exit codes: 0 measured, 2 the input is wrong or nothing runs here,
130 interrupted, 141 the reader of the output went away"""


def measure(argv: Sequence[str] | None, output: TextIO) -> int:
    """Measure what the arguments ask, and print it on `output`; the exit code."""
    arguments = _parser(output).parse_args(argv)
    for target in arguments.target or ():
        check_target(target)
    plan = Plan(
        tuple(arguments.target or ()),
        tuple(arguments.batches),
        tuple(arguments.lengths),
        arguments.seconds,
        arguments.threads,
    )
    bundle = bundles.read(located(arguments.bundle))
    lines = list(bench(bundle, plan, lambda reason: tell("bert-bench", f"skipped {reason}")))
    _print(lines, bundle.manifest.task, arguments, output)
    return DONE


def _parser(output: TextIO) -> Parser:
    plan = Plan()
    parser = Parser("bert-bench", output, description=DESCRIPTION, epilog=EXIT_CODES)
    parser.add_argument("bundle", metavar="DIR_OR_HUB_ID", help="the bundle")
    parser.add_argument("--target", action="append", metavar="TARGET", help="only this artefact; may be repeated")
    parser.add_argument(
        "--batches", type=whole_number, nargs="+", default=plan.batches, metavar="N", help="default: 1 8"
    )
    parser.add_argument(
        "--lengths", type=whole_number, nargs="+", default=plan.lengths, metavar="N", help="default: 32 128 384"
    )
    parser.add_argument(
        "--seconds", type=number, default=plan.seconds, metavar="S", help="of each line and artefact (default: 1)"
    )
    parser.add_argument("--threads", type=whole_number, metavar="N", help="default: the CPUs this process may use")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _print(lines: Sequence[Line], task: str, arguments: argparse.Namespace, output: TextIO) -> None:
    threads = arguments.threads or available_cpus()
    record: dict[str, Json] = {"task": task, "threads": threads, "times": [to_json(line) for line in lines]}
    if arguments.json:
        write_json(record, output)
        return
    rows: list[Json] = [_shown(line) for line in lines]
    show({"task": task, "threads": threads, "milliseconds of a call": rows}, output)


def _shown(line: Line) -> dict[str, Json]:
    size = f"{line.batch} x {line.length}" if line.length is not None else f"{line.batch}"
    times = {"p50": line.p50, "p90": line.p90, "p99": line.p99}
    rounded: dict[str, Json] = {name: f"{value:.2f}" for name, value in times.items()}
    speed: dict[str, Json] = {"a second": f"{line.per_second:,.0f}", "ratio": f"{line.ratio:.2f}x"}
    return {"work": line.work, "size": size, "artefact": line.artefact, **rounded, **speed}
