"""What the parity gate compares, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bert_export.tolerances import Tolerance
from bert_runtime.backends.engine import Engine
from bert_runtime.manifest import Artefact
from bert_runtime.tasks.task import Head, Task


@dataclass(frozen=True)
class Check:
    """One comparison of the report.

    Attributes:
        name: what was compared.
        cases: how many requests, or calls of the graph, were compared.
        max_difference: the largest absolute difference of any output.
        same_answers: how many decoded answers are equal, of `cases`; None where nothing is decoded.
        independent: how many of the cases are different to the model; None for inputs that were generated.
    """

    name: str
    cases: int
    max_difference: float
    same_answers: int | None = None
    independent: int | None = None


@dataclass(frozen=True)
class Parity:
    """The parity gate's report on one artefact; `tolerance` is what an output may differ by, `mask` which masks were
    tried, `verdict` a sentence on what the checks prove."""

    target: str
    precision: str
    tolerance: Tolerance
    checks: tuple[Check, ...]
    mask: str = "any"
    verdict: str = ""


@dataclass(frozen=True)
class ArtefactUnderTest:
    """What is verified: an artefact, loaded, with the head that reads it.

    Attributes:
        source: of a decoder that reads an encoder, the graph of the source, loaded.
    """

    task: Task[Any, Any, Any]
    head: Head[Any, Any, Any]
    artefact: Artefact
    engine: Engine
    source: Engine | None = None
