"""The flags of `bert-export`, with their help: one for each field of ExportOptions, and those of publishing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TextIO

from bert_calibration.config import METHODS, PRESETS, QuantizationConfig
from bert_export import applicability
from bert_export.attention_masks import MASKS
from bert_export.families import FAMILIES
from bert_export.options import ACTIVATIONS
from bert_export.tensorrt.profile import EXAMPLE
from bert_runtime.cli.parser import Parser, number, whole_number
from bert_runtime.targets import BY_NAME
from bert_runtime.tasks import TASKS
from bert_runtime.tasks.feature_extraction import POOLINGS


def parser(output: TextIO | None = None) -> Parser:
    """The flags, with the tasks and their aliases in the help."""
    tasks = "\n".join(f"  {task.name:26}{', '.join(task.aliases)}" for task in TASKS)
    flags = Parser(
        "bert-export",
        output,
        description="Export a fine-tuned BERT to a bundle that answers the same without PyTorch, with proof.",
        epilog="sub-commands:\n"
        "  export     the same as without one\n"
        "  quantize   int8 of the bundle DIR: `quantize DIR` is --int8 --bundle DIR\n"
        f"  tune       the best for this machine: `tune` is {applicability.FLAG}\n\n"
        f"tasks and their aliases:\n{tasks}\n\n"
        f"families of encoders: {', '.join(family.title for family in FAMILIES)}\n\n"
        "exit codes: 0 done, 1 a gate failed, 2 the input is wrong, 130 interrupted, 141 no reader for the output",
    )
    _add_source(flags)
    _add_result(flags)
    _add_int8(flags)
    _add_pruning(flags)
    _add_tensorrt(flags)
    hub = flags.add_argument_group("publishing (the extra hub)")
    hub.add_argument("--push-to-hub", metavar="ORG/NAME", help="upload the bundle to the Hugging Face hub")
    hub.add_argument("--private", action="store_true", help="a new repository is private")
    hub.add_argument("--push-branch", metavar="BRANCH", help="upload to this branch, made where there is none")
    flags.add_argument("--json", action="store_true", help="print the report as JSON")
    flags.add_argument("--quiet", action="store_true", help="print nothing but errors")
    return flags


def _add_source(flags: argparse.ArgumentParser) -> None:
    source = flags.add_argument_group("what to export")
    source.add_argument("checkpoint", nargs="?", metavar="DIR_OR_HUB_ID", help="the same as --model")
    source.add_argument("--model", metavar="DIR_OR_HUB_ID", help="the checkpoint; default: the task's demo")
    source.add_argument("--task", default="auto", help="a task or alias; auto (default) reads config.json")
    source.add_argument("--adapter", metavar="DIR", help="a PEFT adapter, merged into the model first")
    source.add_argument("--revision", help="branch, tag or commit of a hub id")
    source.add_argument(
        "--allow-random-head", action="store_true", help="export a head that the checkpoint lacks, seeded at random"
    )
    source.add_argument(
        "--ignore-auto-map",
        action="store_true",
        help="load the stock class where config.json names its author's code, which may answer otherwise",
    )
    source.add_argument(
        "--max-length",
        type=whole_number,
        metavar="TOKENS",
        help="the longest sequence, if shorter than the model's own",
    )
    source.add_argument("--pooling", choices=POOLINGS, help="feature-extraction: how token vectors become one vector")
    source.add_argument(
        "--prompt-name",
        metavar="NAME",
        help="feature-extraction: the checkpoint's prompt for texts that ask for none; '' for no prompt",
    )
    source.add_argument(
        "--normalize", action=argparse.BooleanOptionalAction, help="feature-extraction: scale vectors to unit length"
    )
    source.add_argument(
        "--activation", choices=ACTIVATIONS, help="text-classification: the function that turns logits into scores"
    )


def _add_result(flags: argparse.ArgumentParser) -> None:
    result = flags.add_argument_group("what to make of it")
    result.add_argument("-o", "--output", type=Path, metavar="DIR", help="the bundle; default ./NAME-TASK")
    result.add_argument("--force", action="store_true", help="replace an existing bundle")
    result.add_argument(
        "--target",
        action="append",
        dest="targets",
        metavar="TARGET[:PRECISION]",
        help=f"auto (default), {', '.join(BY_NAME)}; repeat it for several artefacts in one bundle, as in "
        "--target cpu --target cuda:fp16",
    )
    result.add_argument(
        applicability.FLAG,
        dest="optimize",
        nargs="?",
        choices=applicability.MODES,
        const=applicability.MODES[0],
        metavar="MODE",
        help="instead of --target: try every target, precision and number of threads of this machine's CPU, on the "
        "texts of --calibrate or the task's examples, and make the best; latency (default): for requests one by one, "
        "throughput: for many at once",
    )
    result.add_argument("--fp16", action="store_true", help="half precision, for GPUs: auto is then cuda")
    result.add_argument("--bf16", action="store_true", help="bf16, for CPUs that have it: auto is then openvino")
    result.add_argument(
        "--int8", action="store_true", help="8-bit integers, for CPUs and TensorRT; see the group below"
    )
    result.add_argument(
        "--masks",
        choices=MASKS,
        default="both",
        help="for cuda: an artefact for right-padded attention masks (faster kernels), one for any, or both (default)",
    )
    result.add_argument(
        "--remove-padding",
        action="store_true",
        help="for cuda: the artefact for right-padded masks computes no padding (not tried on a GPU yet)",
    )
    result.add_argument("--plain", action="store_true", help="keep exactly the signature of the class in transformers")


def _add_int8(flags: argparse.ArgumentParser) -> None:
    usual = QuantizationConfig()
    int8 = flags.add_argument_group("int8")
    int8.add_argument("--bundle", type=Path, metavar="DIR", help="quantise or prune this fp32 bundle, not a --model")
    int8.add_argument(
        "--calibrate", type=Path, metavar="FILE", help="JSON Lines of requests, best with gold (label, answers, …)"
    )
    int8.add_argument("--limit", type=whole_number, metavar="N", help="take so many of them, evenly over the file")
    int8.add_argument(
        "--method", default=usual.method, metavar="NAME", help=f"{', '.join(METHODS)}; auto: smooth, or per-token"
    )
    int8.add_argument(
        "--preset", default=usual.preset, metavar="NAME", help=f"{' or '.join(PRESETS)}; default: accuracy"
    )
    int8.add_argument(
        "--max-drop",
        type=number,
        default=usual.max_drop,
        metavar="X",
        help="the accuracy constraint, default 0.01: the largest drop of the task's metric, or of equal answers; takes "
        "about 3 / X held-out samples",
    )
    int8.add_argument(
        "--accept-unproven",
        action="store_true",
        help="write the bundle although the samples are too few to tell; it says 'accuracy not proven'",
    )
    int8.add_argument("--ranges", type=Path, metavar="FILE", help="ranges of an earlier export, not calibrated again")


def _add_pruning(flags: argparse.ArgumentParser) -> None:
    pruning = flags.add_argument_group("pruning")
    pruning.add_argument(
        "--prune",
        action="store_true",
        help="leave out attention heads and feed-forward neurons, and fit the rest to the texts of --calibrate; with "
        "--int8 both together are held to --max-drop",
    )
    pruning.add_argument(
        "--speedup",
        type=number,
        metavar="X",
        help="prune until the network is X times as fast, as measured here; default: as fast as --max-drop allows",
    )
    pruning.add_argument(
        "--save-pruned",
        type=Path,
        metavar="DIR",
        help="write the pruned checkpoint here, to be trained by `python -m bert_calibration.finetune distill DIR`",
    )
    pruning.add_argument("--allow-pruning", action="store_true", help=f"{applicability.FLAG} tries pruned networks too")


def _add_tensorrt(flags: argparse.ArgumentParser) -> None:
    tensorrt = flags.add_argument_group("the target tensorrt")
    tensorrt.add_argument(
        "--profile",
        metavar="AXIS=MIN:OPT:MAX,…",
        help=f"the shapes that the engine is built for, as in {EXAMPLE}; other axes: from --calibrate, else from the "
        "model",
    )
    tensorrt.add_argument(
        "--build-engine", type=Path, metavar="DIR", help="build the engine here, for this machine's GPU, into DIR"
    )
