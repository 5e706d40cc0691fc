"""From an argument list to a Command: what `bert-run` was asked to do."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from bert_runtime import bundle as bundles
from bert_runtime.cli.file_flags import add_file_flags, given_files
from bert_runtime.cli.files import Files
from bert_runtime.cli.flags import add_request_flags, request_fields, required_flags, summary, takes
from bert_runtime.cli.gpu_flags import add_gpu_flags, given_gpu_flags, gpu_options
from bert_runtime.cli.parser import Parser, check_target, number, whole_number
from bert_runtime.errors import InputError
from bert_runtime.hub import located
from bert_runtime.options import MODES, Options
from bert_runtime.ray.workers import Workers
from bert_runtime.schedule import BatchLimits
from bert_runtime.tasks import TASKS, find_task
from bert_runtime.tasks.task import Task

DESCRIPTION = "Answer with a bundle that bert-export made: one request by flags, or a file of them."
EXIT_CODES = (
    "exit codes: 0 done, 2 the input is wrong or no row of it could be answered, 3 some rows were skipped, "
    "130 interrupted, 141 the reader of the output went away"
)
_HELP = "bert-run DIR --help"


@dataclass(frozen=True)
class Command:
    """A parsed command line.

    Attributes:
        bundle: read and checked.
        options: how it is loaded.
        fields: the request's fields that flags gave.
        files: where many requests are read and answers written; None for one request.
        describe: whether to print what the bundle is, instead of answering.
        json: whether the answer is printed as JSON even on a terminal.
        gpu: which flags of a GPU were given.
        workers: the actors of a cluster; None: this process answers.
    """

    bundle: bundles.Bundle
    options: Options
    fields: Mapping[str, object]
    files: Files | None
    describe: bool
    json: bool
    gpu: tuple[str, ...] = ()
    workers: Workers | None = None


def parse(arguments: Sequence[str], output: TextIO | None = None) -> Command:
    """Read the bundle first, as its task decides which flags there are; `output` is where help is printed.

    Raises:
        InputError: flags that are unknown, wrong, or contradict each other.
        BundleError: the bundle breaks its format.
        SystemExit: --help or --version was answered.
    """
    if not arguments or arguments[0].startswith("-"):
        _general_parser(output).parse_known_args(arguments)  # --help and --version leave here
        raise InputError(
            "got no bundle, expected its directory first: bert-run DIR [flags]; bert-run --help lists the flags by task"
        )
    bundle = bundles.read(located(arguments[0]))
    task = find_task(bundle.manifest.task)
    parsed = _bundle_parser(arguments[0], task, output).parse_args(arguments[1:])
    fields = request_fields(parsed, task.request)
    files = given_files(parsed)
    if not (fields or files or parsed.describe):
        needed = " ".join(required_flags(task.request))
        raise InputError(f"got no request, expected {needed}, or --input FILE, or --describe")
    check_target(parsed.target)
    limits = BatchLimits(
        parsed.max_batch_tokens,
        parsed.max_batch_size,
        parsed.max_padding,
        parsed.pad_to_multiple_of,
        parsed.max_wait,
    )
    mode, gpu = _mode(parsed, task), gpu_options(parsed)
    options = Options(parsed.target, parsed.threads, limits, parsed.cache, parsed.encoder, gpu, mode)
    is_cluster = parsed.engine == "ray"
    workers = Workers(parsed.workers, parsed.worker_cpus, parsed.worker_gpus, options=options) if is_cluster else None
    return Command(bundle, options, fields, files, parsed.describe, parsed.json, given_gpu_flags(parsed), workers)


def _general_parser(output: TextIO | None) -> Parser:
    tasks = "\n".join(f"  {summary(task)}" for task in TASKS)
    parser = Parser(
        "bert-run",
        output,
        usage="bert-run DIR [flags of the bundle's task] [flags]",
        description=DESCRIPTION,
        epilog=f"flags by task; bert-run DIR --help explains those of a bundle:\n{tasks}\n\n{EXIT_CODES}",
        help_of=_HELP,
    )
    add_flags(parser)
    return parser


def _bundle_parser(directory: str, task: Task[Any, Any, Any], output: TextIO | None) -> Parser:
    name = f"bert-run {directory}"
    usage = f"{name.replace('%', '%%')} [flags]"
    description = f"{task.name}. {DESCRIPTION}"
    parser = Parser(name, output, usage=usage, description=description, epilog=EXIT_CODES, help_of=_HELP)
    parser.takes = takes(task)
    add_request_flags(parser, task.request)
    add_flags(parser)
    return parser


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that every task has."""
    parser.add_argument("--describe", action="store_true", help="print what the bundle is and how it was verified")
    parser.add_argument("--json", action="store_true", help="print JSON; without it only where output is no terminal")
    add_file_flags(parser)
    options, limits = Options(), Options().batch_limits
    loading = parser.add_argument_group("loading")
    loading.add_argument("--target", default=options.target, help="the artefact to run, never another (default: auto)")
    loading.add_argument("--threads", type=whole_number, metavar="N", help="default: the CPUs this process may use")
    loading.add_argument(
        "--mode",
        choices=[mode for mode in MODES if mode != "serving"],  # one process answers one caller here
        default=options.mode,
        help="latency: a batch at a time, with all threads; throughput: several batches at once, reading far ahead; "
        "auto (default): throughput for a file, latency for a request and for what comes through a pipe",
    )
    loading.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="where engines that compile keep it; default: TensorRT's engines in your cache, others nowhere",
    )
    loading.add_argument(
        "--encoder", metavar="DIR", help="for a decoder that reads an encoder: the bundle that reads --encoder-text"
    )
    loading.add_argument(
        "--max-batch-tokens",
        type=whole_number,
        default=limits.max_batch_tokens,
        metavar="N",
        help=f"in a batch, at most (default: {limits.max_batch_tokens})",
    )
    loading.add_argument(
        "--max-batch-size",
        type=whole_number,
        default=limits.max_batch_size,
        metavar="N",
        help=f"in a batch, at most (default: {limits.max_batch_size})",
    )
    loading.add_argument(
        "--max-padding",
        type=number,
        default=limits.max_padding,
        metavar="SHARE",
        help=f"of a batch, at most (default: {limits.max_padding})",
    )
    loading.add_argument(
        "--pad-to-multiple-of",
        type=whole_number,
        metavar="N",
        help="widths are round multiples of N tokens; 1: as they come (default: on openvino 16, or 8 for throughput)",
    )
    loading.add_argument(
        "--max-wait",
        type=number,
        default=limits.max_wait,
        metavar="SECONDS",
        help="for the next line of --input; then what was read is answered, however small the batch "
        f"(default: {limits.max_wait})",
    )
    add_gpu_flags(parser)


def _mode(parsed: argparse.Namespace, task: Task[Any, Any, Any]) -> str:
    """What `--mode auto` means here: throughput for a file; latency for a pipe, whose writer waits for each answer."""
    if parsed.mode != "auto":
        return str(parsed.mode)
    return "throughput" if parsed.input not in (None, "-") and not task.is_autoregressive else "latency"
