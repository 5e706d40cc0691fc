"""Which options say what a trial of all would find out by itself, or ask for what it does not try."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from bert_runtime.targets import AUTO

if TYPE_CHECKING:
    from bert_export.options import ExportOptions

FLAG = "--optimize-for-this-machine"
MODES = ("latency", "throughput")


def problems(options: ExportOptions) -> Iterator[str]:
    """What is wrong with `options`, which ask for the best of this machine."""
    if options.optimize not in MODES:
        yield f"{FLAG} is {options.optimize!r}, expected {' or '.join(MODES)}"
    chosen = {
        "--target": options.targets != (AUTO,),
        "--fp16": options.fp16,
        "--bf16": options.bf16,
        "--int8": options.int8,
        "--method": options.method != "auto",
        "--plan": options.plan is not None,
    }
    given = [flag for flag, is_given in chosen.items() if is_given]
    if given:
        yield f"{FLAG} with {', '.join(given)}, expected it without: it tries what runs on this CPU and chooses itself"
    foreign = {
        "--ranges": options.ranges is not None,
        "--profile": options.profile is not None,
        "--build-engine": options.build_engine is not None,
        "--masks": options.masks != "both",
        "--packing": options.packing,
    }
    others = [flag for flag, is_given in foreign.items() if is_given]
    if others:
        yield (
            f"{FLAG} with {', '.join(others)}, expected it without: it calibrates for several targets of the CPU, and "
            "tries no GPU"
        )
