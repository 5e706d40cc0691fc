"""How many actors a cluster has room for, judged before anything is started."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from bert_runtime.errors import InputError
from bert_runtime.fields import Range, settle
from bert_runtime.options import Options

READING = 1.0
"""CPUs that must be left for the tasks that read and write: with none, Ray waits for ever."""

CHECKING = 1.0
"""CPUs of the actor by which Ray leaves out, where it keeps a checkpoint, the rows that are done."""


@dataclass(frozen=True)
class Workers:
    """The actors that answer, each with the bundle in its memory.

    Attributes:
        count: how many; None: as many as the cluster has room for.
        cpus: CPUs of each, which are its threads as well.
        gpus: GPUs of each, or the share of one.
        rows: rows that an actor is given at once, and sorts by length.
        options: how each loads the bundle, but for threads and mode.

    Raises:
        InputError: on construction, with every value out of range.
    """

    count: Annotated[int, Range(1)] | None = None
    cpus: Annotated[float, Range(0)] = 1.0
    gpus: Annotated[float, Range(0)] = 0.0
    rows: Annotated[int, Range(1)] = 4096
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        problems = settle(self)
        if not problems and not (self.cpus or self.gpus):
            problems = ["cpus and gpus are 0, expected a share of either for each actor"]
        if problems:
            raise InputError(problems)

    @property
    def threads(self) -> int:
        """Threads of an engine on the CPU."""
        return max(1, math.floor(self.cpus))


def fitting(workers: Workers, nodes: Sequence[Mapping[str, float]], reserved: float = READING) -> int:
    """How many actors to start on a cluster of these nodes, each with its resources by name.

    Args:
        reserved: CPUs that must be left.

    Raises:
        InputError: they do not fit, with so many CPUs left; says what is there and what is needed.
    """
    total = sum(node.get("CPU", 0.0) for node in nodes)
    room = sum(_on(node, workers) for node in nodes)
    if workers.cpus:
        room = min(room, math.floor((total - reserved) / workers.cpus + 1e-9))
    count = workers.count or max(room, 1)
    if count <= room and total >= reserved:
        return count
    gpus = sum(node.get("GPU", 0.0) for node in nodes)
    needed = (
        f"{count * workers.cpus + reserved:g} CPUs ({count} x {workers.cpus:g}, and {reserved:g} to read and write)"
    )
    needed += f" and {count * workers.gpus:g} GPUs" if workers.gpus else ""
    raise InputError(
        f"the cluster has {total:g} CPUs and {gpus:g} GPUs on {len(nodes)} nodes, expected {needed}; take fewer or "
        "smaller actors, or a larger cluster"
    )


def _on(node: Mapping[str, float], workers: Workers) -> int:
    """How many fit on one node."""
    shares = [(workers.cpus, node.get("CPU", 0.0)), (workers.gpus, node.get("GPU", 0.0))]
    return min(math.floor(there / own + 1e-9) for own, there in shares if own)
