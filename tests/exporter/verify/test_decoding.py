"""The parity gate lets no decoder pass whose cache, mask or positions are wrong, and says which case gave it away."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import transformers
from numpy.typing import NDArray
from tests.exporter.conftest import PLAIN, TinyBundle, TinyCheckpoint

from bert_export.errors import GateError
from bert_export.verify import ArtefactUnderTest, Parity, verify
from bert_export.verify.decoding import pieces_of
from bert_export.verify.reference import Reference
from bert_runtime.backends.engine import Engine
from bert_runtime.backends.select import start
from bert_runtime.bundle import read
from bert_runtime.errors import BackendError
from bert_runtime.tasks.text_generation import TEXT_GENERATION
from bert_runtime.text import TextEncoder

Arrays = dict[str, NDArray[Any]]


@dataclass
class Damaged:
    """An engine whose outputs, or inputs, are changed on the way."""

    engine: Engine
    outputs: Callable[[Arrays, Arrays], Arrays] = lambda _, outputs: outputs
    inputs: Callable[[Arrays], Arrays] = lambda feeds: feeds
    name: str = "damaged"

    def run(self, feeds: Mapping[str, NDArray[Any]], fetch: Sequence[str]) -> Arrays:
        return self.outputs(dict(feeds), dict(self.engine.run(self.inputs(dict(feeds)), fetch)))

    def run_into(self, feeds: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]]) -> None:
        self.engine.run_into(feeds, outputs)

    def close(self) -> None:
        self.engine.close()


@pytest.fixture(scope="module", params=PLAIN, ids=["last position", "plain"])
def sides(
    request: pytest.FixtureRequest, tiny_bundle: TinyBundle, tiny_checkpoint: TinyCheckpoint
) -> tuple[ArtefactUnderTest, Reference]:
    """A bundle that passes, and its torch model."""
    task, plain = TEXT_GENERATION, request.param
    bundle = read(tiny_bundle(task.name, plain).bundle)
    manifest = bundle.manifest
    text = TextEncoder.from_file(bundle.directory / manifest.tokenizer.file, manifest.tokenizer)
    model = transformers.BertLMHeadModel.from_pretrained(tiny_checkpoint(task.name, {})).train(False)
    engine = start(bundle.directory, manifest.artefacts[0], 1)
    tested = ArtefactUnderTest(task, task.head(text, manifest.settings), manifest.artefacts[0], engine)
    return tested, Reference(model, task, manifest.settings, plain)


def damaged(sides: tuple[ArtefactUnderTest, Reference], **changes: Any) -> Parity:
    tested, reference = sides
    return verify(dataclasses.replace(tested, engine=Damaged(tested.engine, **changes)), reference)


def test_an_artefact_that_is_the_model_passes(sides: tuple[ArtefactUnderTest, Reference]) -> None:
    parity = damaged(sides)
    assert [check.cases for check in parity.checks] == [len(TEXT_GENERATION.examples), *[5] * 10]
    assert all(check.max_difference < 5e-5 for check in parity.checks)


def test_a_cache_in_another_order_fails_where_there_is_one(sides: tuple[ArtefactUnderTest, Reference]) -> None:
    def shuffled(feeds: Arrays) -> Arrays:
        return {
            name: value[..., ::-1, :].copy() if "key" in name and "past" in name else value
            for name, value in feeds.items()
        }

    with pytest.raises(GateError) as error:
        damaged(sides, inputs=shuffled)
    assert "batch 1, length 33, mask none, with a cache differs" in str(error.value)
    assert "at once" not in str(error.value)


def test_a_mask_that_is_ignored_fails_with_padding_on_the_left(sides: tuple[ArtefactUnderTest, Reference]) -> None:
    def ignored(feeds: Arrays) -> Arrays:
        return {**feeds, "attention_mask": np.ones_like(feeds["attention_mask"])}

    with pytest.raises(GateError) as error:
        damaged(sides, inputs=ignored)
    assert "batch 1, length 33, mask left, at once differs" in str(error.value)
    assert "batch 1, length 33, mask left, with a cache differs" in str(error.value)
    assert "mask none, " not in str(error.value)


def test_rows_that_are_mixed_up_fail_in_a_batch(sides: tuple[ArtefactUnderTest, Reference]) -> None:
    def mixed(_: Arrays, outputs: Arrays) -> Arrays:
        return {**outputs, "present.1.value": outputs["present.1.value"][::-1].copy()}

    with pytest.raises(GateError, match="batch 4, length 7, mask none/right/left/holes, at once differs") as error:
        damaged(sides, outputs=mixed)
    assert "batch 1" not in str(error.value)


def test_logits_that_choose_another_token_fail_a_real_text(sides: tuple[ArtefactUnderTest, Reference]) -> None:
    def raised(_: Arrays, outputs: Arrays) -> Arrays:
        logits = outputs["logits"].copy()
        logits[..., 7] += 100
        return {**outputs, "logits": logits}

    with pytest.raises(GateError, match=r"example \{'prompt': 'Paris is .* differs by"):
        damaged(sides, outputs=raised)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_cache_that_holds_no_number_fails(value: float, sides: tuple[ArtefactUnderTest, Reference]) -> None:
    def broken(_: Arrays, outputs: Arrays) -> Arrays:
        key = outputs["present.0.key"].copy()
        key[:, :, -1] = value
        return {**outputs, "present.0.key": key}

    with pytest.raises(GateError, match="length 7, mask none, at once has another shape, or values that are not fin"):
        damaged(sides, outputs=broken)


def test_a_graph_that_refuses_an_empty_cache_fails_with_the_words_of_the_engine(
    sides: tuple[ArtefactUnderTest, Reference],
) -> None:
    def refused(feeds: Arrays) -> Arrays:
        if not feeds["past_key_values.0.key"].shape[2]:
            raise BackendError("onnxruntime could not run the graph: an axis is 0")
        return feeds

    with pytest.raises(GateError, match="length 2, mask none, at once: onnxruntime could not run the graph: an axis"):
        damaged(sides, inputs=refused)


@pytest.mark.parametrize("length", [2, 33, 34, 128, 512])
def test_pieces_make_up_the_sequence_and_end_token_by_token(length: int) -> None:
    pieces = pieces_of(length)
    assert sum(pieces) == length
    assert pieces[-2:] == [1, 1]
