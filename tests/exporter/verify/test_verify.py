"""The parity gate lets no artefact pass that is not the model, and says which case gave it away."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import transformers
from numpy.typing import NDArray
from tests.exporter.conftest import TinyBundle, TinyCheckpoint

from bert_export.errors import GateError
from bert_export.verify import ArtefactUnderTest, Parity, verify
from bert_export.verify.reference import Reference
from bert_runtime.backends.engine import Engine
from bert_runtime.backends.select import start
from bert_runtime.bundle import read
from bert_runtime.errors import BackendError
from bert_runtime.tasks import find_task
from bert_runtime.text import TextEncoder

Feeds = Mapping[str, NDArray[np.int64]]
Outputs = dict[str, NDArray[np.float32]]
Change = Callable[[Feeds, Outputs], Outputs]


@dataclass
class Damaged:
    """An engine whose outputs, or inputs, are changed on the way."""

    engine: Engine
    outputs: Change = lambda _, outputs: outputs
    inputs: Callable[[Feeds], Feeds] = lambda feeds: feeds
    name: str = "damaged"

    def run(self, feeds: Feeds, fetch: Sequence[str]) -> Outputs:
        return self.outputs(feeds, self.engine.run(self.inputs(feeds), fetch))

    def run_into(self, feeds: Mapping[str, NDArray[Any]], outputs: Mapping[str, NDArray[Any]]) -> None:
        self.engine.run_into(feeds, outputs)

    def close(self) -> None:
        self.engine.close()


@pytest.fixture(scope="module")
def answering(tiny_bundle: TinyBundle, tiny_checkpoint: TinyCheckpoint) -> tuple[ArtefactUnderTest, Reference]:
    """A question answering bundle that passes, and its torch model."""
    return sides("question-answering", tiny_bundle, tiny_checkpoint)


def sides(name: str, tiny_bundle: TinyBundle, tiny_checkpoint: TinyCheckpoint) -> tuple[ArtefactUnderTest, Reference]:
    task, bundle = find_task(name), read(tiny_bundle(name, False).bundle)
    manifest = bundle.manifest
    text = TextEncoder.from_file(bundle.directory / manifest.tokenizer.file, manifest.tokenizer)
    model = getattr(transformers, task.model_class).from_pretrained(tiny_checkpoint(name, {})).eval()
    engine = start(bundle.directory, manifest.artefacts[0], 1)
    tested = ArtefactUnderTest(task, task.head(text, manifest.settings), manifest.artefacts[0], engine)
    return tested, Reference(model, task, manifest.settings, plain=False)


def damaged(sides: tuple[ArtefactUnderTest, Reference], **changes: Any) -> Parity:
    tested, reference = sides
    return verify(dataclasses.replace(tested, engine=Damaged(tested.engine, **changes)), reference)


def at_length(length: int, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Change:
    """`change` for the start logits of one length, and the right outputs otherwise."""

    def changed(feeds: Feeds, outputs: Outputs) -> Outputs:
        if feeds["input_ids"].shape[1] != length:
            return outputs
        return outputs | {"start_logits": change(outputs["start_logits"])}

    return changed


def test_an_artefact_that_is_the_model_passes(answering: tuple[ArtefactUnderTest, Reference]) -> None:
    parity = damaged(answering)

    assert [check.cases for check in parity.checks] == [8, 5, 5, 5, 5, 5]
    assert all(check.max_difference < 5e-5 for check in parity.checks)


def test_one_weight_changed_by_a_hundredth_fails(answering: tuple[ArtefactUnderTest, Reference]) -> None:
    tested, reference = answering
    weight = reference._network.get_parameter("qa_outputs.weight")
    before = weight.detach().clone()
    try:
        weight.data[0, 3] += 0.01
        with pytest.raises(GateError, match=r"batch 4, length 33, mask none/right/left/holes differs by \d"):
            verify(tested, reference)
    finally:
        weight.data.copy_(before)


def test_swapped_outputs_fail(answering: tuple[ArtefactUnderTest, Reference]) -> None:
    def swapped(_: Feeds, outputs: Outputs) -> Outputs:
        return {"start_logits": outputs["end_logits"], "end_logits": outputs["start_logits"]}

    with pytest.raises(GateError, match=r"example \{'question': 'How many.* differs by"):
        damaged(answering, outputs=swapped)


def test_a_mask_that_is_only_a_length_fails_with_left_padding_and_holes(
    answering: tuple[ArtefactUnderTest, Reference],
) -> None:
    def right_padded(feeds: Feeds) -> Feeds:
        mask = feeds["attention_mask"]
        lengths = mask.shape[1] - np.argmax(mask[:, ::-1], axis=1)
        return {**feeds, "attention_mask": (np.arange(mask.shape[1]) < lengths[:, None]).astype(np.int64)}

    with pytest.raises(GateError) as error:
        damaged(answering, inputs=right_padded)
    assert "batch 1, length 33, mask left differs" in str(error.value)
    assert "batch 1, length 33, mask holes differs" in str(error.value)
    assert "mask none differs" not in str(error.value)
    assert "mask right differs" not in str(error.value)
    assert "example" not in str(error.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_no_number_fails(value: float, answering: tuple[ArtefactUnderTest, Reference]) -> None:
    change = at_length(7, lambda logits: np.where(np.arange(7) == 3, np.float32(value), logits))
    with pytest.raises(GateError, match="batch 1, length 7, mask none has another shape, or values that are not fin"):
        damaged(answering, outputs=change)


def test_a_torch_model_that_gives_no_numbers_fails(answering: tuple[ArtefactUnderTest, Reference]) -> None:
    tested, reference = answering
    bias = reference._network.get_parameter("qa_outputs.bias")
    before = bias.detach().clone()
    try:
        bias.data[0] = math.nan
        with pytest.raises(GateError, match="length 2, mask none has another shape, or values that are not finite"):
            verify(tested, reference)
    finally:
        bias.data.copy_(before)


def test_a_shape_that_holds_at_one_length_only_fails_at_the_others(
    answering: tuple[ArtefactUnderTest, Reference],
) -> None:
    with pytest.raises(GateError) as error:
        damaged(answering, outputs=at_length(128, lambda logits: logits[:, :33]))
    assert "batch 1, length 128, mask none has another shape" in str(error.value)
    assert "length 33" not in str(error.value)


def test_a_graph_that_refuses_a_length_fails_with_the_words_of_the_engine(
    answering: tuple[ArtefactUnderTest, Reference],
) -> None:
    def refused(feeds: Feeds) -> Feeds:
        if feeds["input_ids"].shape[1] == 33:
            raise BackendError("onnxruntime could not run the graph: got 33, expected 7")
        return feeds

    with pytest.raises(GateError, match="length 33, mask right: onnxruntime could not run the graph: got 33") as error:
        damaged(answering, inputs=refused)
    assert "length 128" not in str(error.value)


def test_an_output_that_differs_where_padding_is_passes(answering: tuple[ArtefactUnderTest, Reference]) -> None:
    def noisy(feeds: Feeds, outputs: Outputs) -> Outputs:
        noise = np.where(feeds["attention_mask"] == 1, np.float32(0), np.float32(5))
        return {name: logits + noise for name, logits in outputs.items()}

    damaged(answering, outputs=noisy)


def test_another_answer_within_the_tolerance_fails(tiny_bundle: TinyBundle, tiny_checkpoint: TinyCheckpoint) -> None:
    tested, reference = sides("text-classification", tiny_bundle, tiny_checkpoint)
    head = tested.head
    text = head.text

    class Contrary(type(head)):  # type: ignore[misc]
        calls: Iterator[int] = iter(range(1000))

        def decode(self, request: Any, encoded: Any, outputs: Any) -> Any:
            return dataclasses.replace(super().decode(request, encoded, outputs), truncated=bool(next(self.calls) % 2))

    contrary = dataclasses.replace(tested, head=Contrary(text, head.settings))
    with pytest.raises(GateError, match=r"example \{'text': 'A warm.* differs by .*, yet has another answer"):
        verify(contrary, reference)


def test_positions_that_a_graph_ignores_fail(tiny_bundle: TinyBundle, tiny_checkpoint: TinyCheckpoint) -> None:
    def first(feeds: Feeds) -> Feeds:
        return {**feeds, "positions": np.zeros_like(feeds["positions"])}

    with pytest.raises(GateError, match="batch 1, length 128, mask none differs"):
        damaged(sides("fill-mask", tiny_bundle, tiny_checkpoint), inputs=first)
