"""The flags of a GPU: one for each field of GpuOptions; and that they are not given for nothing."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from bert_runtime.backends.options import ARENAS, GpuOptions
from bert_runtime.backends.profile import read_profile
from bert_runtime.cli.parser import whole_number
from bert_runtime.errors import InputError
from bert_runtime.targets import GPU_TARGETS

_GPU = tuple(target.name for target in GPU_TARGETS)

USED_BY = {
    "device": _GPU,
    "gpu_memory": _GPU,
    "gpu_arena": _GPU,
    "gpu_tf32": tuple(target.name for target in GPU_TARGETS if target.has_cuda_graphs),
    "cuda_graphs": tuple(target.name for target in GPU_TARGETS if target.has_cuda_graphs),
    "gpu_profile": tuple(target.name for target in GPU_TARGETS if target.has_profile),
}
"""Flag, as argparse names it -> the targets that it is for."""

_UNITS = {"": 0, "K": 10, "M": 20, "G": 30}


def add_gpu_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that are None where they are not given."""
    group = parser.add_argument_group("a GPU", "Flags for the targets cuda and tensorrt; an error where another runs.")
    group.add_argument(
        "--device",
        type=whole_number,
        metavar="N",
        help="CUDA's number of the GPU, from 0 (default), among the visible ones",
    )
    group.add_argument(
        "--gpu-memory",
        type=_bytes,
        metavar="SIZE",
        help="what ONNX Runtime's arena may take, for each of a target's artefacts: bytes, or as in 512M or 8G (2^30); "
        "default: no limit",
    )
    group.add_argument(
        "--gpu-arena", choices=ARENAS, help="grow it by powers of two (default), or by no more than what is asked for"
    )
    group.add_argument(
        "--gpu-tf32",
        action="store_const",
        const=True,
        help="cuda: let products of an fp32 artefact round to TF32: faster, and less exact than was proven",
    )
    group.add_argument(
        "--cuda-graphs",
        type=_sizes,
        nargs="*",
        metavar="BATCHxLENGTH",
        help="cuda: sizes that are recorded and replayed, as in 1x128 8x128; a batch is padded to the next of them; no "
        "size: none; default: each size of up to 4096 tokens that is met",
    )
    group.add_argument(
        "--gpu-profile",
        type=Path,
        metavar="FILE",
        help="tensorrt: the sizes that its engine is built for, as bert-export writes them; default: the bundle's",
    )


def gpu_options(parsed: argparse.Namespace) -> GpuOptions:
    """What the flags say.

    Raises:
        InputError: a value is out of range.
        BundleError: the profile's file is none.
        OSError: it cannot be read.
    """
    usual = GpuOptions()
    return GpuOptions(
        device=usual.device if parsed.device is None else parsed.device,
        memory_limit=parsed.gpu_memory,
        arena=parsed.gpu_arena or usual.arena,
        tf32=bool(parsed.gpu_tf32),
        graphs=None if parsed.cuda_graphs is None else tuple(parsed.cuda_graphs),
        profile=None if parsed.gpu_profile is None else read_profile(parsed.gpu_profile),
    )


def given_gpu_flags(parsed: argparse.Namespace) -> tuple[str, ...]:
    """Those of USED_BY that were given."""
    return tuple(name for name in USED_BY if getattr(parsed, name) is not None)


def check_gpu_flags(given: tuple[str, ...], active_target: str, reason: str) -> None:
    """Whether what runs takes notice of the flags that were given.

    Raises:
        InputError: it does not, of each flag that it ignores.
    """
    raise_for = [name for name in given if active_target not in USED_BY[name]]
    if raise_for:
        raise InputError(
            f"--{name.replace('_', '-')} is for {' and '.join(USED_BY[name])}, but {active_target} runs ({reason}); "
            "leave it out, or name a --target that it is for"
            for name in raise_for
        )


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d{1,15})([KMG]?)", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size, expected bytes, or as in 512M or 8G")
    return int(found[1]) << _UNITS[found[2]]


def _sizes(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,9})x(\d{1,9})", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size, expected batch and length, as in 8x128")
    return int(found[1]), int(found[2])
