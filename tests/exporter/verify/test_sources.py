"""The parity gate lets no decoder pass that reads its source wrong, and says which case gave it away."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import transformers
from numpy.typing import NDArray
from tests.exporter.conftest import PLAIN, READS_ENCODER, SourceBundle, TinyCheckpoint
from tests.exporter.verify.test_decoding import Damaged

from bert_export.errors import GateError
from bert_export.verify import ArtefactUnderTest, Parity, verify
from bert_export.verify.reference import Reference
from bert_export.verify.sources import LENGTHS, with_sources
from bert_export.verify.sweep import MASKS, Limits, cases
from bert_runtime.backends.select import start
from bert_runtime.bundle import read
from bert_runtime.tasks.text_generation import TEXT_GENERATION
from bert_runtime.text import TextEncoder

Arrays = dict[str, NDArray[Any]]
Sides = tuple[ArtefactUnderTest, Reference]


@pytest.fixture(scope="module", params=PLAIN, ids=["last position", "plain"])
def sides(request: pytest.FixtureRequest, source_bundle: SourceBundle, tiny_checkpoint: TinyCheckpoint) -> Sides:
    """A bundle that passes, and its torch model."""
    task, plain = TEXT_GENERATION, request.param
    bundle = read(source_bundle(plain).bundle)
    manifest = bundle.manifest
    text = TextEncoder.from_file(bundle.directory / manifest.tokenizer.file, manifest.tokenizer)
    checkpoint = tiny_checkpoint(task.name, READS_ENCODER)
    model = transformers.BertLMHeadModel.from_pretrained(checkpoint).train(False)
    artefact = manifest.artefacts[0]
    assert artefact.cross_kv_artefact is not None
    own, source = (start(bundle.directory, each, 1) for each in (artefact, artefact.cross_kv_artefact))
    tested = ArtefactUnderTest(task, task.head(text, manifest.settings), artefact, own, source)
    return tested, Reference(model, task, manifest.settings, plain)


def damaged(sides: Sides, source: bool = False, **changes: Any) -> Parity:
    """The gate's verdict where the outputs or inputs of one of the two graphs are changed."""
    tested, reference = sides
    assert tested.source is not None
    if source:
        return verify(dataclasses.replace(tested, source=Damaged(tested.source, **changes)), reference)
    return verify(dataclasses.replace(tested, engine=Damaged(tested.engine, **changes)), reference)


def test_a_bundle_that_is_the_model_passes(sides: Sides) -> None:
    parity = damaged(sides)
    assert [check.cases for check in parity.checks] == [len(TEXT_GENERATION.examples), *[6] * 10]
    assert all(0 < check.max_difference <= parity.tolerance.absolute for check in parity.checks)


def test_every_length_and_mask_of_a_source_is_tried_and_sharing_too() -> None:
    found = list(with_sources(cases(TEXT_GENERATION, Limits(30, 2, 160), plain=False), width=4))
    tried = {case.name.split(", ", 3)[3] for case in found if len(case.feeds["input_ids"]) == 1}
    assert tried >= {f"1 sources of {length}, mask {kind}" for length in LENGTHS for kind in MASKS}
    shares = {(len(case.feeds["input_ids"]), len(case.feeds["encoder_hidden_states"])) for case in found}
    assert shares == {(1, 1), (4, 4), (4, 2)}
    assert all(case.feeds["encoder_attention_mask"].any(axis=1).all() for case in found)


def test_a_source_s_mask_that_is_ignored_fails(sides: Sides) -> None:
    def ignored(feeds: Arrays) -> Arrays:
        return {**feeds, "encoder_attention_mask": np.ones_like(feeds["encoder_attention_mask"])}

    with pytest.raises(GateError) as error:
        damaged(sides, inputs=ignored)
    message = str(error.value)
    for kind in ("right", "left", "holes"):
        assert f"mask {kind}, at once differs" in message
    assert "1 sources of 7, mask none, " not in message


def mixed_up(feeds: Arrays) -> Arrays:
    """Every row reads the source of another."""
    return {name: array[::-1].copy() if name.startswith("cross") else array for name, array in feeds.items()}


def test_sources_that_are_mixed_up_fail_in_a_batch(sides: Sides) -> None:
    with pytest.raises(GateError, match="4 sources of 2, mask none/right/left/holes, at once differs") as error:
        damaged(sides, inputs=mixed_up)
    assert "2 sources of" in str(error.value)
    assert "batch 1, " not in str(error.value)


def other_keys(_: Arrays, outputs: Arrays) -> Arrays:
    return {**outputs, "cross_key_values.1.key": outputs["cross_key_values.1.key"] * 1.01}


def last_token_lost(_: Arrays, outputs: Arrays) -> Arrays:
    changed = outputs["cross_key_values.0.value"].copy()
    changed[:, :, -1] = 0
    return {**outputs, "cross_key_values.0.value": changed}


def no_number(_: Arrays, outputs: Arrays) -> Arrays:
    return {**outputs, "cross_key_values.0.value": outputs["cross_key_values.0.value"] * np.nan}


@pytest.mark.parametrize("change", [other_keys, last_token_lost, no_number], ids=lambda change: change.__name__)
def test_other_keys_and_values_of_a_source_fail(sides: Sides, change: Callable[[Arrays, Arrays], Arrays]) -> None:
    with pytest.raises(GateError, match="sources of 2, mask none, at once"):
        damaged(sides, source=True, outputs=change)
