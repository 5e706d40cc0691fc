"""The flags of `bert-serve --write-triton`."""

from __future__ import annotations

import argparse
from pathlib import Path

from bert_runtime.errors import InputError
from bert_runtime.options import Options
from bert_serve.options import NamedBundle
from bert_serve.triton.repository import TritonOptions

_TAKEN = ("bundles", "write_triton", "force", "target", "threads")
"""The flags that mean something to a repository."""


def add_triton_flags(parser: argparse.ArgumentParser) -> None:
    """Those that a server has not."""
    group = parser.add_argument_group("Triton")
    group.add_argument(
        "--write-triton",
        type=Path,
        metavar="DIR",
        help="serve nothing: write a model repository for Triton Inference Server; takes --force, --target, --threads",
    )
    group.add_argument("--force", action="store_true", help="replace the repository that is there")


def triton_options(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> TritonOptions | None:
    """What the repository is made of; None where a server is asked for.

    Raises:
        InputError: flags of the one with the other, or wrong values.
    """
    if parsed.write_triton is None:
        if parsed.force:
            raise InputError("got --force without --write-triton DIR, expected both: a server replaces nothing")
        return None
    given = [
        "--" + name.replace("_", "-")
        for name, value in vars(parsed).items()
        if name not in _TAKEN and value != parser.get_default(name)
    ]
    if given:
        raise InputError(
            f"got {', '.join(given)} with --write-triton, expected none: Triton has its own; leave them out"
        )
    bundles = tuple(NamedBundle.parse(text) for text in parsed.bundles)
    return TritonOptions(bundles, parsed.write_triton, Options(parsed.target, parsed.threads), parsed.force)
