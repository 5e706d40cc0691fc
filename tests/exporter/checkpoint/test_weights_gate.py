"""Every weight comes from the checkpoint, or the load stops and names it; damaged and foreign files are refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.exporter.checkpoint.conftest import Make, edit, replace_weights, weights, write

from bert_export.checkpoint import CheckpointLocation, LoadOptions, load
from bert_export.errors import CheckpointError
from bert_runtime.tasks import find_task

QA = find_task("question-answering")
TOKENS = find_task("token-classification")
MASKED = find_task("fill-mask")
TEXTS = find_task("text-classification")


def refusal(folder: Path | str, task: object = QA, options: LoadOptions | None = None, **source: str) -> str:
    """The message with which a load is refused."""
    with pytest.raises(CheckpointError) as caught:
        load(CheckpointLocation(str(folder), **source), task, options)  # type: ignore[arg-type]
    return str(caught.value)


def as_pickle(folder: Path) -> Path:
    """Save the weights as pytorch_model.bin instead."""
    tensors = weights(folder)
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    return folder / "pytorch_model.bin"


def test_a_head_that_the_checkpoint_lacks_is_refused_and_every_weight_named(make: Make) -> None:
    message = refusal(make("BertModel"))
    assert "qa_outputs.bias, qa_outputs.weight" in message
    assert "--allow-random-head" in message


def test_a_random_head_is_seeded_and_noted_where_allowed(make: Make) -> None:
    folder = make("BertModel")
    first = load(CheckpointLocation(str(folder)), QA, LoadOptions(allow_random_head=True))
    torch.manual_seed(123)  # whatever the caller does in between
    second = load(CheckpointLocation(str(folder)), QA, LoadOptions(allow_random_head=True))
    assert any("RANDOM head" in note and "qa_outputs.weight" in note for note in first.notes)
    assert torch.equal(first.model.get_parameter("qa_outputs.weight"), second.model.get_parameter("qa_outputs.weight"))


def test_missing_encoder_weights_are_refused_even_where_a_random_head_is_allowed(make: Make) -> None:
    folder = make()
    lost = "bert.encoder.layer.1.output.dense.weight"
    replace_weights(folder, {name: w for name, w in weights(folder).items() if name != lost})
    assert lost in refusal(folder, options=LoadOptions(allow_random_head=True))


def test_every_mismatched_shape_is_named_with_both_shapes(make: Make) -> None:
    folder = make("BertForTokenClassification", id2label={0: "O", 1: "B", 2: "I"})
    edit(folder, "config.json", id2label={"0": "O", "1": "B"}, label2id={"O": 0, "B": 1}, num_labels=None)
    message = refusal(folder, TOKENS)
    assert "classifier.weight has the shape [3, 16] in the checkpoint, expected [2, 16]" in message
    assert "classifier.bias has the shape [3]" in message


def test_a_classifier_of_texts_is_not_taken_for_one_of_tokens(make: Make) -> None:
    folder = make("BertForSequenceClassification")
    assert "classifier.bias, classifier.weight were trained as the head of BertForSequenceClassification" in refusal(
        folder, TOKENS
    )


def test_a_head_of_pretraining_serves_the_tasks_that_share_it(make: Make) -> None:
    folder = make("BertForPreTraining")
    checkpoint = load(CheckpointLocation(str(folder)), MASKED)
    assert torch.equal(checkpoint.model.get_parameter("cls.predictions.bias"), weights(folder)["cls.predictions.bias"])
    assert any("cls.seq_relationship (2)" in note for note in checkpoint.notes)


def test_unused_buffers_and_poolers_pass_in_silence_and_other_weights_are_noted(make: Make) -> None:
    folder = make()
    extra = {"bert.embeddings.position_ids": torch.arange(40)[None], "bert.pooler.dense.weight": torch.zeros(16, 16)}
    replace_weights(folder, weights(folder) | extra)
    assert not [note for note in load(CheckpointLocation(str(folder)), QA).notes if "does not use" in note]
    replace_weights(folder, weights(folder) | extra | {"extra.weight": torch.zeros(1)})
    assert any("extra.weight (1)" in note for note in load(CheckpointLocation(str(folder)), QA).notes)


def test_weights_that_are_not_finite_are_refused(make: Make) -> None:
    folder = make()
    replace_weights(folder, weights(folder) | {"qa_outputs.bias": torch.tensor([0.0, float("nan")])})
    assert "NaN or infinite values in qa_outputs.bias" in refusal(folder)


def test_pickled_weights_give_the_same_model(make: Make) -> None:
    folder = make()
    expected = load(CheckpointLocation(str(folder)), QA).model.get_parameter("qa_outputs.weight")
    as_pickle(folder)
    assert torch.equal(load(CheckpointLocation(str(folder)), QA).model.get_parameter("qa_outputs.weight"), expected)


def test_sharded_weights_give_the_same_model_and_a_digest_each(make: Make) -> None:
    from safetensors.torch import save_file

    folder = make()
    tensors = weights(folder)
    expected = load(CheckpointLocation(str(folder)), QA).model.state_dict()
    (folder / "model.safetensors").unlink()
    places = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(sorted(tensors))}
    for file in set(places.values()):
        save_file({n: tensors[n] for n in places if places[n] == file}, folder / file, metadata={"format": "pt"})
    write(folder, "model.safetensors.index.json", {"metadata": {}, "weight_map": places})
    checkpoint = load(CheckpointLocation(str(folder)), QA)
    assert all(torch.equal(weight, expected[name]) for name, weight in checkpoint.model.state_dict().items())
    assert set(checkpoint.provenance.weights) == set(places.values())
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert "model-00002-of-00002.safetensors" in refusal(folder)


def test_an_index_cannot_name_a_file_outside_the_directory(make: Make) -> None:
    folder = make()
    (folder / "model.safetensors").rename(folder.parent / "outside.safetensors")
    write(folder, "model.safetensors.index.json", {"weight_map": {"qa_outputs.bias": "../outside.safetensors"}})
    assert "../outside.safetensors" in refusal(folder)


class Attack:
    """What a hostile pickle holds: a call to make while it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_with_code_is_refused_and_never_executed(make: Make, tmp_path: Path) -> None:
    folder = make()
    tensors = weights(folder)
    torch.save(tensors | {"qa_outputs.bias": Attack(tmp_path / "owned")}, as_pickle(folder))
    assert "was not executed" in refusal(folder)
    assert not (tmp_path / "owned").exists()


def test_a_pickle_of_more_than_tensors_is_refused(make: Make) -> None:
    folder = make()
    tensors = weights(folder)
    torch.save({"epoch": 3, "state_dict": tensors}, as_pickle(folder))
    assert "holds more than tensors: epoch, state_dict" in refusal(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda _: b"", lambda _: b"<html>no</html>"])
def test_damaged_weights_are_refused_by_their_name(make: Make, name: str, damage: Callable[[bytes], bytes]) -> None:
    folder = make()
    path = as_pickle(folder) if name.endswith(".bin") else folder / name
    path.write_bytes(damage(path.read_bytes()))
    assert refusal(folder).startswith(name)


def test_a_pointer_of_git_lfs_is_told_from_damage(make: Make) -> None:
    folder = make()
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert "git lfs pull" in refusal(folder)


def test_a_directory_without_weights_says_what_it_found(make: Make) -> None:
    folder = make()
    (folder / "model.safetensors").rename(folder / "tf_model.h5")
    message = refusal(folder)
    assert "no weights" in message
    assert "tf_model.h5" in message


def test_what_is_no_directory_is_told_apart(make: Make, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "empty directory" in refusal(tmp_path / "empty")
    assert "is a file" in refusal(make() / "config.json")
    assert "is no directory" in refusal(tmp_path / "absent")
    assert "revision" in refusal(make(), revision="main")


def test_other_models_and_unreadable_configs_are_refused(make: Make) -> None:
    folder = make()
    edit(folder, "config.json", model_type="albert")
    assert "model_type 'albert', expected one of 'bert', 'distilbert'" in refusal(folder)
    for content in (b"{", b"[]", b"\xff\xfe", b'{"model_type": "bert", "hidden_size": "x"}'):
        (folder / "config.json").write_bytes(content)
        assert "config.json" in refusal(folder)
    (folder / "config.json").unlink()
    assert "no config.json" in refusal(folder)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"hidden_size": 17}, "17"),
        ({"hidden_act": "swash"}, "swash"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantised"),
    ],
)
def test_a_config_that_cannot_be_served_exactly_is_refused(
    make: Make, values: dict[str, object], expected: str
) -> None:
    folder = make()
    edit(folder, "config.json", **values)
    assert expected in refusal(folder)


@pytest.mark.parametrize("architectures", [None, ["BertForNothing"], "BertModel"])
def test_auto_without_a_known_class_lists_the_tasks(make: Make, architectures: object) -> None:
    folder = make()
    edit(folder, "config.json", architectures=architectures)
    message = refusal(folder, None)
    assert "question-answering (BertForQuestionAnswering)" in message
    assert "pass --task" in message
    assert load(CheckpointLocation(str(folder)), QA).task is QA


def test_all_problems_of_all_files_are_told_at_once(make: Make) -> None:
    folder = make("BertForSequenceClassification")
    edit(folder, "config.json", id2label={"0": "a", "2": "b"}, problem_type="none")
    (folder / "vocab.txt").unlink()
    (folder / "model.safetensors").write_bytes(b"short")
    message = refusal(folder, TEXTS)
    for part in ("4 problems", "id2label", "problem_type", "no tokenizer", "model.safetensors"):
        assert part in message


def test_an_unreachable_hub_is_told_quickly_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    message = refusal("organisation/no-such-model")
    assert "out of reach" in message
    assert "give its directory" in message


def test_one_format_of_weights_is_fetched_from_the_hub() -> None:
    from bert_export.checkpoint.hub import wanted

    settings = ["config.json", "tokenizer.json", "vocab.txt", "1_Pooling/config.json"]
    others = ["README.md", "onnx/model.onnx", "tf_model.h5", "model.fp16.safetensors", "onnx/config.json"]
    pickles = ["pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json"]
    assert wanted(settings + others + pickles) == settings + pickles
    assert wanted(settings + others + pickles + ["model.safetensors"]) == [*settings, "model.safetensors"]
