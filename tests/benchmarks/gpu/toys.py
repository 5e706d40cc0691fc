"""Engines and loaders for the tests: they are imported by processes of their own."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.gpu.engines.engine import Call, Loaded, Outputs, Stall
from benchmarks.gpu.process import Answer
from benchmarks.workload import Feeds


@dataclass(frozen=True)
class Toy:
    """The mean of a row's real ids, and its share of real tokens.

    Attributes:
        ignores_mask: as a broken engine would.
        fails_from: the number of rows from which on it has no memory.
        seconds: that a call takes.
        dies: takes its process with it.
        log: a file where it notes when it begins and ends to load, which takes it a moment.
    """

    name: str
    ignores_mask: bool = False
    fails_from: int = 1_000_000
    seconds: float = 0.0
    dies: bool = False
    log: Path | None = None
    device: str = "cpu"
    precision: str = "fp32"
    target: None = None
    loads_alone: bool = False

    def missing(self) -> str:
        return ""

    def load(self, stall: Stall) -> Loaded:
        if self.log is not None:
            for moment in ("begins", "ends"):
                with self.log.open("a", encoding="utf-8") as file:
                    file.write(f"{self.name} {moment}\n")
                time.sleep(0.3)
        return _LoadedToy(self)


class _LoadedToy:
    def __init__(self, toy: Toy) -> None:
        self._toy = toy

    def prepare(self, feeds: Feeds) -> Call:
        if self._toy.dies:
            os._exit(9)
        if len(feeds["input_ids"]) >= self._toy.fails_from:
            raise MemoryError("this batch is too large")
        answer: Outputs = []

        def run() -> None:
            time.sleep(self._toy.seconds)
            ids = feeds["input_ids"]
            mask = np.ones_like(ids) if self._toy.ignores_mask else feeds["attention_mask"]
            answer[:] = [np.stack([(ids * mask).sum(1) / mask.sum(1), mask.mean(1)], axis=1).astype(np.float32)]

        return Call(run, lambda: answer)


def doubling() -> Answer:
    """Doubles; sleeps through numbers below zero, cannot divide by zero, and ends the process at 13."""

    def answer(order: Any) -> Any:
        if order == 13:
            os._exit(13)
        if order < 0:
            time.sleep(600)
        return 2 * order + 0 / order

    return answer


def refusing() -> Answer:
    """Cannot be loaded."""
    raise RuntimeError("the library is too old\nand a second line")
