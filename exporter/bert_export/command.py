"""From an argument list to a report: what `bert-export` was asked to make, made and shown."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from bert_export import applicability, exporting
from bert_export.errors import OptionError
from bert_export.flags import parser
from bert_export.options import ExportOptions
from bert_export.progress import Stages
from bert_runtime.cli.boundary import DONE, tell
from bert_runtime.hub import REPOSITORY, import_huggingface_hub
from bert_runtime.machine.system import is_importable
from bert_runtime.targets import AUTO

if TYPE_CHECKING:
    from bert_export.report import ExportReport


SUB_COMMANDS = {
    "export": (),
    "quantize": ("--int8", "--bundle"),
    "tune": (f"{applicability.FLAG}={applicability.MODES[0]}",),
}
"""Sub-command -> the flags that it stands for; the argument after `quantize` is the bundle."""


def run(arguments: Sequence[str], output: TextIO) -> int:
    """Make what the arguments ask for and show its report on `output`; the exit code."""
    parsed = parser(output).parse_args(plain(arguments))
    options = options_of(parsed)
    exporting.require_packages(options)
    _check_publishing(parsed)
    report = exporting.export(options, Stages(show=not (parsed.json or parsed.quiet)))
    if parsed.push_to_hub is not None:
        from bert_export.publish import publish  # noqa: PLC0415 - huggingface_hub: an extra

        address = publish(report.bundle, parsed.push_to_hub, parsed.private, parsed.push_branch)
        tell("bert-export", f"pushed: {address}")
    for line in _shown(report, parsed, output):
        print(line, file=output)
    return DONE


def plain(arguments: Sequence[str]) -> list[str]:
    """The arguments without a sub-command: the flags that it stands for, in its place.

    A directory of the same name is written with a path, as in ./export.

    Raises:
        OptionError: `quantize` without a bundle.
    """
    verb, *rest = arguments or [""]
    if verb not in SUB_COMMANDS:
        return list(arguments)
    if verb == "quantize" and not {"-h", "--help"} & set(rest) and (not rest or rest[0].startswith("-")):
        raise OptionError("quantize takes the bundle first, as in `bert-export quantize DIR --calibrate FILE`")
    return [*SUB_COMMANDS[verb], *rest]


def _check_publishing(parsed: argparse.Namespace) -> None:
    """Before any work.

    Raises:
        OptionError: the name is none of a repository, or a flag of publishing stands alone.
        BackendError: huggingface_hub is not installed.
    """
    name = parsed.push_to_hub
    if name is None:
        if parsed.private or parsed.push_branch is not None:
            raise OptionError("--private and --push-branch belong to --push-to-hub; give --push-to-hub ORG/NAME")
        return
    named = REPOSITORY.fullmatch(name)
    if named is None or named[2] is not None:
        raise OptionError(f"--push-to-hub is {name!r}, expected ORG/NAME")
    import_huggingface_hub(name)


def _shown(report: ExportReport, parsed: argparse.Namespace, output: TextIO) -> Iterator[str]:
    """The report as lines, where it is not a table of rich's."""
    if parsed.json:
        yield json.dumps(report.to_json(), ensure_ascii=False, indent=2)
    elif not parsed.quiet and not is_importable("rich"):
        from bert_export.report_text import lines  # noqa: PLC0415 - only where it is shown

        yield from lines(report)
    elif not parsed.quiet:
        from bert_export.report_table import ReportConsole, show  # noqa: PLC0415 - rich: only where something is shown

        show(report, ReportConsole(highlight=False, file=output))


def options_of(parsed: argparse.Namespace) -> ExportOptions:
    """The call that the flags stand for: one field of ExportOptions for each.

    Raises:
        OptionError: options that cannot be served, all of them.
    """
    if parsed.checkpoint is not None and parsed.model is not None:
        raise OptionError(f"got {parsed.checkpoint!r} and --model {parsed.model}, expected one checkpoint")
    return ExportOptions(
        model=parsed.checkpoint if parsed.model is None else parsed.model,
        task=parsed.task,
        adapter=parsed.adapter,
        revision=parsed.revision,
        output=parsed.output,
        force=parsed.force,
        targets=tuple(parsed.targets or (AUTO,)),
        fp16=parsed.fp16,
        bf16=parsed.bf16,
        int8=parsed.int8,
        bundle=parsed.bundle,
        prune=parsed.prune,
        speedup=parsed.speedup,
        save_pruned=parsed.save_pruned,
        allow_pruning=parsed.allow_pruning,
        calibrate=parsed.calibrate,
        limit=parsed.limit,
        method=parsed.method,
        preset=parsed.preset,
        max_drop=parsed.max_drop,
        accept_unproven=parsed.accept_unproven,
        ranges=parsed.ranges,
        profile=parsed.profile,
        build_engine=parsed.build_engine,
        optimize=parsed.optimize,
        masks=parsed.masks,
        remove_padding=parsed.remove_padding,
        plain=parsed.plain,
        allow_random_head=parsed.allow_random_head,
        ignore_auto_map=parsed.ignore_auto_map,
        max_length=parsed.max_length,
        pooling=parsed.pooling,
        normalize=parsed.normalize,
        activation=parsed.activation,
        prompt_name=parsed.prompt_name,
    )
