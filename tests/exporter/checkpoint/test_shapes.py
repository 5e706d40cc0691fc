"""Names and shapes in the weight files say how a model was saved, before one is built; the advice fits the cause."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tests.exporter.checkpoint.conftest import Make, replace_weights, weights

from bert_export.checkpoint import CheckpointLocation, load
from bert_export.checkpoint.findings import reason
from bert_export.errors import CheckpointError
from bert_runtime.tasks import find_task

QA = find_task("question-answering")


def refusal(folder: Path) -> str:
    """The message with which a load is refused."""
    with pytest.raises(CheckpointError) as caught:
        load(CheckpointLocation(str(folder)), QA)
    return str(caught.value)


@pytest.mark.parametrize(
    ("prefix", "cause"),
    [
        ("module.", "model.module.state_dict()"),
        ("_orig_mod.", "torch.compile"),
        ("model._orig_mod.", "model.model.state_dict()"),
        ("model.", "model.model.state_dict()"),
        ("base_model.model.", "merge_and_unload"),
        ("mine.", "save the model inside by itself"),
    ],
)
def test_a_wrappers_prefix_is_named_with_its_cure(make: Make, prefix: str, cause: str) -> None:
    folder = make()
    replace_weights(folder, {prefix + name: weight for name, weight in weights(folder).items()})
    message = refusal(folder)
    assert f"begin with '{prefix}'" in message
    assert cause in message


def test_shells_without_values_are_named_as_zero_3s(make: Make) -> None:
    folder = make()
    replace_weights(folder, {name: torch.zeros(0) for name in weights(folder)})
    message = refusal(folder)
    assert "ZeRO-3" in message
    assert len(message) < 700


def test_weights_of_integers_are_named_as_quantised(make: Make) -> None:
    folder = make()
    name = "bert.encoder.layer.0.output.dense.weight"
    replace_weights(folder, weights(folder) | {name: torch.zeros(16, 32, dtype=torch.int8)})
    assert name in refusal(folder)
    assert "quantised" in refusal(folder)


def test_weights_of_something_else_are_named(make: Make) -> None:
    folder = make()
    replace_weights(folder, {"embedding.weight": torch.zeros(3, 3)})
    assert "no embeddings.word_embeddings.weight: found embedding.weight" in refusal(folder)


def test_many_weights_that_lack_a_value_are_cut_to_twenty(make: Make) -> None:
    folder = make()
    kept = {name: w for name, w in weights(folder).items() if "layer.1.output.dense.weight" in name or "embed" in name}
    replace_weights(folder, kept)
    message = refusal(folder)
    assert "lacks weights of the encoder" in message
    assert " and 11 more" in message


def test_a_file_of_settings_without_end_is_refused(make: Make) -> None:
    folder = make()
    with (folder / "config.json").open("r+b") as stream:
        stream.truncate(2**40)
    assert "expected a file of settings" in refusal(folder)


def test_safetensors_without_metadata_load(make: Make) -> None:
    folder = make()
    save_file(weights(folder), folder / "model.safetensors")
    load(CheckpointLocation(str(folder)), QA)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict"])
def test_a_trainers_checkpoint_in_the_place_of_weights_is_named(make: Make, key: str) -> None:
    folder = make()
    tensors = weights(folder)
    (folder / "model.safetensors").unlink()
    torch.save({key: tensors, "epoch": 3, "optimizer": {}}, folder / "pytorch_model.bin")
    message = refusal(folder)
    assert "holds more than tensors: epoch" in message
    assert f"load {key} into the model's class" in message


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("first:\n\tsize mismatch for x: [2]\n"), "first: size mismatch for x: [2]"),
        (ValueError("Layer(\n  (a): B()\n) should be a decoder"), "Layer( (a): B() ) should be a decoder"),
        (KeyError("x"), "KeyError 'x'"),
        (ValueError(), "ValueError"),
        (ValueError("a\x1b[31mb\x07"), "a\\x1b[31mb\\x07"),
    ],
)
def test_an_error_of_a_library_keeps_its_reason(error: Exception, expected: str) -> None:
    assert reason(error) == expected


def test_a_long_error_keeps_both_ends() -> None:
    text = reason(ValueError("begin " + "x " * 10_000 + "end"))
    assert text.startswith("begin")
    assert text.endswith("end")
    assert len(text) <= 400
