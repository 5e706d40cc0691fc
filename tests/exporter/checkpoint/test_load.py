"""A local directory becomes the model it holds, with every fact its bundle needs."""

from __future__ import annotations

import dataclasses
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from tests.exporter.checkpoint.conftest import Make, edit, replace_weights, weights
from transformers import AutoConfig, AutoTokenizer

from bert_export.checkpoint import CheckpointLocation, LoadOptions, load
from bert_export.errors import CheckpointError
from bert_runtime.tasks import TASKS, find_task

QA = find_task("question-answering")
TEXTS = find_task("text-classification")
MASKED = find_task("fill-mask")
VECTORS = find_task("feature-extraction")
GENERATION = find_task("text-generation")
IDS = torch.tensor([[2, 5, 6, 3]])


def outputs(model: torch.nn.Module) -> torch.Tensor:
    """The first output for a short text."""
    with torch.inference_mode():
        first: torch.Tensor = model(input_ids=IDS)[0]
    return first


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_auto_finds_every_task_by_the_class_in_config_json(make: Make, task: object) -> None:
    folder = make(task.model_class, is_decoder=task.is_autoregressive)  # type: ignore[attr-defined]
    assert load(CheckpointLocation(str(folder))).task is task


def test_the_model_answers_as_the_one_that_transformers_loads(make: Make) -> None:
    folder = make()
    checkpoint = load(CheckpointLocation(str(folder)), QA)
    reference = transformers.BertForQuestionAnswering.from_pretrained(folder).train(False)
    assert torch.equal(outputs(checkpoint.model), outputs(reference))


def test_the_model_is_fp32_without_dropout_or_gradients_whatever_was_saved(make: Make) -> None:
    folder = make()
    replace_weights(folder, {name: weight.half() for name, weight in weights(folder).items()})
    edit(folder, "config.json", dtype="float16")
    model = load(CheckpointLocation(str(folder)), QA).model
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize("prefix", ["bert.", ""])
def test_old_names_load_with_and_without_the_prefix(make: Make, prefix: str) -> None:
    folder = make()
    expected = outputs(load(CheckpointLocation(str(folder)), QA).model)
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): weight
        for name, weight in weights(folder).items()
    }
    replace_weights(
        folder, {prefix * name.startswith("bert.") + name.removeprefix("bert."): w for name, w in old.items()}
    )
    assert torch.equal(outputs(load(CheckpointLocation(str(folder)), QA).model), expected)


def test_the_files_rebuild_the_class_and_the_tokenizer(make: Make, tmp_path: Path) -> None:
    folder = make("BertForSequenceClassification", id2label={0: "bad", 1: "fair", 2: "good"})
    checkpoint = load(CheckpointLocation(str(folder)), TEXTS)
    (tmp_path / "bundle").mkdir()
    for name, content in checkpoint.files.items():
        (tmp_path / "bundle" / name).write_text(content, encoding="utf-8")
    config = AutoConfig.from_pretrained(tmp_path / "bundle")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "bundle")
    assert config.architectures == ["BertForSequenceClassification"]
    assert list(config.id2label.values()) == ["bad", "fair", "good"]
    assert config.problem_type == "single_label_classification"
    assert (
        tokenizer("Ab c", "d")["input_ids"]
        == transformers.BertTokenizer.from_pretrained(folder)("Ab c", "d")["input_ids"]
    )
    assert tokenizer.model_max_length == 32


def test_no_private_path_reaches_the_provenance_or_the_files(make: Make) -> None:
    folder = make()
    edit(folder, "config.json", _name_or_path=str(folder))
    checkpoint = load(CheckpointLocation(str(folder)), QA)
    assert checkpoint.provenance.source == folder.name
    everything = json.dumps([dataclasses.asdict(checkpoint.provenance), *checkpoint.files.values()])
    assert str(folder.parent) not in everything


def test_provenance_holds_the_digest_of_each_weight_file(make: Make) -> None:
    import hashlib

    folder = make()
    checkpoint = load(CheckpointLocation(str(folder), name="my model 1.0"), QA)
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert checkpoint.provenance.weights == {"model.safetensors": digest}
    assert checkpoint.provenance.source == "my model 1.0"


def test_loading_twice_yields_the_same_files_and_weights(make: Make) -> None:
    folder = make()
    options = LoadOptions(allow_random_head=True)
    first, second = (load(CheckpointLocation(str(folder)), MASKED, options) for _ in range(2))
    assert first.files == second.files
    assert all(torch.equal(a, b) for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True))


def test_a_local_directory_is_read_without_a_network(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"network: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    load(CheckpointLocation(str(make())), QA)


def test_a_load_prints_nothing_and_restores_the_logging(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    from transformers.utils import logging

    folder = make()
    replace_weights(folder, {**weights(folder), "stray": torch.zeros(1)})
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with pytest.raises(CheckpointError):
        load(CheckpointLocation(str(folder)), MASKED)
    load(CheckpointLocation(str(folder)), QA)
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


def test_a_load_leaves_the_callers_random_numbers_alone(make: Make) -> None:
    folder = make()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    load(CheckpointLocation(str(folder)), MASKED, LoadOptions(allow_random_head=True))
    assert torch.equal(torch.rand(1), expected)


def test_importing_the_package_loads_no_torch() -> None:
    heavy = "{'torch', 'transformers', 'peft'}"
    code = f"import sys, bert_export.checkpoint, bert_export.demo; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_vectors_need_no_pooler_and_a_missing_one_is_taken_away(make: Make) -> None:
    folder = make("BertModel")
    replace_weights(folder, {name: w for name, w in weights(folder).items() if "pooler" not in name})
    assert load(CheckpointLocation(str(folder)), VECTORS).model.pooler is None
    with pytest.raises(CheckpointError, match=r"pooler\.dense\.bias, pooler\.dense\.weight"):
        load(CheckpointLocation(str(folder)), VECTORS, LoadOptions(pooling="pooler"))


def test_a_decoder_stays_one(make: Make) -> None:
    checkpoint = load(CheckpointLocation(str(make("BertLMHeadModel", is_decoder=True))), GENERATION)
    assert checkpoint.config.is_decoder
    with pytest.raises(CheckpointError, match="says is_decoder, expected false for fill-mask"):
        load(CheckpointLocation(str(make("BertForMaskedLM", is_decoder=True))), MASKED)


@pytest.mark.parametrize("model_class", ["BertForMaskedLM", "BertLMHeadModel"])
def test_an_encoder_is_refused_as_a_decoder(make: Make, model_class: str) -> None:
    with pytest.raises(CheckpointError, match="does not say is_decoder, expected true for text-generation"):
        load(CheckpointLocation(str(make(model_class))), GENERATION)


def test_a_decoder_that_reads_an_encoder_keeps_its_cross_attention(make: Make) -> None:
    folder = make("BertLMHeadModel", is_decoder=True, add_cross_attention=True)
    checkpoint = load(CheckpointLocation(str(folder)), GENERATION)
    assert checkpoint.config.add_cross_attention
    kept = checkpoint.model.state_dict()["bert.encoder.layer.1.crossattention.self.key.weight"]
    assert torch.equal(kept, weights(folder)["bert.encoder.layer.1.crossattention.self.key.weight"])


def test_a_decoder_without_the_weights_of_its_cross_attention_is_refused(make: Make) -> None:
    folder = make("BertLMHeadModel", is_decoder=True)
    edit(folder, "config.json", add_cross_attention=True)
    with pytest.raises(CheckpointError, match=r"lacks weights of the encoder: bert\.encoder\.layer\.0\.crossattention"):
        load(CheckpointLocation(str(folder)), GENERATION)


def test_an_encoder_and_decoder_in_one_checkpoint_are_refused_with_a_way_out(make: Make) -> None:
    folder = make("BertLMHeadModel", is_decoder=True)
    edit(folder, "config.json", model_type="encoder-decoder", architectures=["EncoderDecoderModel"])
    with pytest.raises(CheckpointError, match=r"two models in one checkpoint. Split it: .*m\.decoder\.save_pretrained"):
        load(CheckpointLocation(str(folder)))
