"""Situations from public reports, each tried on a seeded checkpoint; docs/situations.md lists their sources."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tests.exporter.checkpoint.conftest import Make, edit, replace_weights, weights, write
from transformers import BertForSequenceClassification

from bert_export.checkpoint import CheckpointLocation, load
from bert_export.errors import CheckpointError
from bert_runtime.tasks import find_task

TEXTS = find_task("text-classification")
TOKENS = find_task("token-classification")
VECTORS = find_task("feature-extraction")
IDS = torch.tensor([[2, 5, 6, 3]])


def refusal(folder: Path, task: object = None, **source: str) -> str:
    """The message with which a load is refused."""
    with pytest.raises(CheckpointError) as caught:
        load(CheckpointLocation(str(folder), **source), task)  # type: ignore[arg-type]
    return str(caught.value)


def logits(model: torch.nn.Module) -> torch.Tensor:
    """The logits of one text."""
    with torch.inference_mode():
        found: torch.Tensor = model.train(False)(input_ids=IDS).logits
    return found


def test_lora_beside_a_classifier_that_is_a_target_too(make: Make, tmp_path: Path) -> None:
    """peft#1485, peft#577: the classifier is both saved whole and among the target modules."""
    base, folder = make("BertForSequenceClassification", num_labels=3), tmp_path / "adapter"
    torch.manual_seed(3)
    model = BertForSequenceClassification.from_pretrained(base)
    config = LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["query", "classifier"], init_lora_weights=False)
    peft = get_peft_model(model, config)
    peft.save_pretrained(str(folder))
    checkpoint = load(CheckpointLocation(str(base), str(folder)))
    torch.testing.assert_close(logits(checkpoint.model), logits(peft), atol=1e-5, rtol=1e-5)


def test_weights_of_lightning(make: Make) -> None:
    """transformers#9209: a .ckpt of Lightning, renamed to pytorch_model.bin: a training state, names after model."""
    folder = make("BertForSequenceClassification", num_labels=3)
    tensors = {f"model.{name}": weight for name, weight in weights(folder).items()}
    (folder / "model.safetensors").unlink()
    torch.save({"state_dict": tensors, "epoch": 3}, folder / "pytorch_model.bin")
    assert "load state_dict into the model's class" in refusal(folder)
    torch.save(tensors, folder / "pytorch_model.bin")
    assert "save model.model.state_dict()" in refusal(folder)


def test_a_directory_of_pytorch_pretrained_bert(make: Make) -> None:
    """transformers#366: bert_config.json in place of config.json."""
    folder = make("BertForQuestionAnswering")
    (folder / "config.json").rename(folder / "bert_config.json")
    assert "rename bert_config.json" in refusal(folder)


def test_a_checkpoint_of_tensorflow(make: Make) -> None:
    """onnxruntime#6089: bert_config.json and bert_model.ckpt.*."""
    folder = make("BertForPreTraining")
    (folder / "config.json").rename(folder / "bert_config.json")
    (folder / "model.safetensors").rename(folder / "bert_model.ckpt.data-00000-of-00001")
    (folder / "bert_model.ckpt.index").write_bytes(b"")
    assert "a checkpoint of TensorFlow" in refusal(folder)


def test_heads_of_the_library_adapters(make: Make) -> None:
    """adapters#17: flexible heads, whose weights and settings no class of transformers has."""
    folder = make("BertForSequenceClassification", num_labels=3)
    renamed = {name.replace("classifier.", "heads.sst.1."): weight for name, weight in weights(folder).items()}
    replace_weights(folder, renamed)
    heads = {"sst": {"head_type": "classification", "num_labels": 3, "layers": 1}}
    edit(folder, "config.json", prediction_heads=heads, architectures=["BertAdapterModel"])
    assert "got BertAdapterModel" in refusal(folder)
    message = refusal(folder, TEXTS)
    assert "classifier.bias, classifier.weight" in message


def test_tags_without_names(make: Make) -> None:
    """KoBERT-NER#2: a tagger of five tags whose config.json has neither id2label nor num_labels."""
    folder = make("BertForTokenClassification", num_labels=5)
    edit(folder, "config.json", id2label=None, label2id=None)
    checkpoint = load(CheckpointLocation(str(folder)), TOKENS)
    assert checkpoint.settings.labels == tuple(f"LABEL_{i}" for i in range(5))
    assert any("id2label is missing" in note for note in checkpoint.notes)


def test_a_static_embedding(make: Make) -> None:
    """model2vec#123: config.json without model_type, modules.json of StaticEmbedding."""
    folder = make("BertModel")
    write(folder, "config.json", {"tokenizer_name": "baai/bge-base-en-v1.5", "apply_pca": 256, "hidden_dim": 256})
    write(folder, "modules.json", [{"name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"}])
    assert "names no model_type" in refusal(folder)


def test_safetensors_of_another_library(make: Make) -> None:
    """safetensors#549, mlx#743: a file without metadata."""
    from safetensors.torch import save_file

    folder = make("BertForSequenceClassification", num_labels=3)
    expected = logits(load(CheckpointLocation(str(folder))).model)
    save_file(weights(folder), folder / "model.safetensors")
    assert torch.equal(logits(load(CheckpointLocation(str(folder))).model), expected)


def test_two_saves_in_one_directory(make: Make) -> None:
    """accelerate#2698: model.safetensors beside other weights; transformers reads the former."""
    folder = make("BertForSequenceClassification", num_labels=3)
    tensors = weights(folder)
    torch.save(tensors, folder / "pytorch_model.bin")
    assert any("pytorch_model.bin lies beside" in note for note in load(CheckpointLocation(str(folder))).notes)
    replace_weights(folder, {"unused": torch.zeros(1)})
    message = refusal(folder)
    assert "found unused" in message


def test_weights_of_a_compiled_model(make: Make) -> None:
    """pytorch#101107: every name begins with _orig_mod."""
    folder = make("BertForSequenceClassification", num_labels=3)
    replace_weights(folder, {f"_orig_mod.{name}": weight for name, weight in weights(folder).items()})
    assert "saved from torch.compile" in refusal(folder)


def test_the_transformer_of_an_old_sentence_model_alone(make: Make, tmp_path: Path) -> None:
    """sentence-transformers#364: 0_Transformer is given in place of the directory that has the steps."""
    folder = tmp_path / "0_Transformer"
    make("BertModel").rename(folder)
    checkpoint = load(CheckpointLocation(str(folder)), VECTORS)
    assert checkpoint.settings.pooling == "mean"
    assert any("no modules.json" in note for note in checkpoint.notes)
