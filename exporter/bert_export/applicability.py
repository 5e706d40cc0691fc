"""Which options apply to what is asked for: what would be given for nothing is refused, every flag of it at once.

Every option stands in one of these sets, or applies whatever is asked for. What depends on the task is judged once the
checkpoint is read, and what depends on a target or a precision where these are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bert_export.options import ExportOptions

FLAG = "--optimize-for-this-machine"
MODES = ("latency", "throughput")

OF_A_CHECKPOINT = frozenset(
    {
        "model",
        "task",
        "adapter",
        "revision",
        "masks",
        "remove_padding",
        "plain",
        "allow_random_head",
        "ignore_auto_map",
        "max_length",
        "pooling",
        "normalize",
        "activation",
        "prompt_name",
    }
)
"""What a bundle has settled already."""

OF_A_CHOICE = frozenset({"targets", "fp16", "bf16", "int8", "prune", "speedup", "save_pruned", "method", "preset"})
"""What `optimize` chooses itself."""

OF_ONE_TARGET = frozenset({"ranges", "profile", "build_engine", "masks", "remove_padding"})
"""What fits one target, where `optimize` tries several of the CPU."""


def flag_of(name: str) -> str:
    """The command's flag for an option."""
    return {"targets": "--target", "optimize": FLAG}.get(name, f"--{name.replace('_', '-')}")


def given(options: ExportOptions, among: Collection[str]) -> list[str]:
    """The flags of those options among these that were given."""
    fields = [field for field in dataclasses.fields(options) if field.name in among]
    return [flag_of(field.name) for field in fields if getattr(options, field.name) != field.default]


def problems(options: ExportOptions) -> Iterator[str]:
    """What is given for nothing."""
    settled = given(options, OF_A_CHECKPOINT) if options.bundle is not None else []
    if settled:
        yield f"--bundle with {' and '.join(settled)}, expected --bundle alone: it was made with settings of its own"
    if options.optimize is None:
        return
    chosen, single = given(options, OF_A_CHOICE), given(options, OF_ONE_TARGET)
    if chosen:
        yield f"{FLAG} with {', '.join(chosen)}, expected it without: it tries what runs on this CPU and chooses itself"
    if single:
        yield (
            f"{FLAG} with {', '.join(single)}, expected it without: it calibrates for several targets of the CPU, "
            "and tries no GPU"
        )
