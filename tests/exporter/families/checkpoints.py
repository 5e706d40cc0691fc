"""Tiny seeded checkpoints of every family and head, as save_pretrained writes them, with a tokenizer of their kind."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from bert_export.families import Family
from bert_runtime.tasks import find_task

LONGEST = 40
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'()-#@/"
WORDS = ("the", "of", "was", "is", "movie", "book", "song", "##ed", "board", "wall")
PIECES = (*LETTERS, *(f"##{letter}" for letter in LETTERS), *WORDS)

BERTS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTAS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
VOCABULARY = {"WordPiece": len(BERTS) + len(PIECES), "BPE": 320, "Unigram": 90}
"""Kind of tokenizer -> how many tokens it has."""
TEXTS = [
    " ".join((*WORDS, *LETTERS)),
    "the movie was a wall and the book of the board is a song",
    "the song of the board is 3 walls long, was the movie?",
]

TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "hidden_act": "gelu",
}


def has_roberta_tokens(family: Family) -> bool:
    """Whether texts begin with <s> and padding has id 1."""
    return family.position_offset(transformers.CONFIG_MAPPING[family.name]()) > 0


def save_checkpoint(folder: Path, family: Family, task_name: str, changes: Mapping[str, Any] | None = None) -> Path:
    """Write a seeded model of the family's class for a task; logits are of the order of one."""
    task = find_task(task_name)
    special = ROBERTAS if has_roberta_tokens(family) else BERTS
    kind = transformers.CONFIG_MAPPING[family.name]
    values: dict[str, Any] = {family.config.of(name): value for name, value in TINY.items()}
    values |= {"vocab_size": VOCABULARY[kind_of(family)], "initializer_range": 0.2}
    values |= {"pad_token_id": special.index(pad_of(special))}
    values |= {"max_position_embeddings": LONGEST + family.position_offset(kind())}
    if "labels" in task.settings:
        values |= {"id2label": {0: "O", 1: "B-PER", 2: "I-PER"}, "problem_type": "single_label_classification"}
    config = kind(**(values | dict(changes or {})))
    torch.manual_seed(0)
    model = getattr(transformers, family.model_class(task))(config)
    model.save_pretrained(folder)
    {"WordPiece": save_word_piece, "BPE": save_bpe, "Unigram": save_unigram}[kind_of(family)](folder, special)
    return folder


def kind_of(family: Family) -> str:
    """The kind of tokenizer that its checkpoints come with, most of all."""
    return family.tokenizers[0]


def pad_of(special: tuple[str, ...]) -> str:
    """How a list of special tokens writes padding."""
    return next(token for token in special if "pad" in token.lower())


def save_word_piece(folder: Path, special: tuple[str, ...]) -> None:
    """A WordPiece with BERT's special tokens and types, or with RoBERTa's, and all types 0."""
    ids = {token: i for i, token in enumerate((*special, *PIECES))}
    named = {token.strip("[]<>/").lower(): token for token in special}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=named["unk"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    start, end = named.get("cls", "<s>"), named.get("sep", "</s>")
    is_bert = "cls" in named
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {end} $B:1 {end}:1" if is_bert else f"{start} $A {end} {end} $B {end}",
        special_tokens=[(token, ids[token]) for token in (start, end)],
    )
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(list(special))
    tokenizer.save(str(folder / "tokenizer.json"))
    pad, mask = named["pad"], named["mask"]
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": LONGEST,
        **{"pad_token": pad, "mask_token": mask, "cls_token": start, "sep_token": end, "unk_token": named["unk"]},
        "model_input_names": ["input_ids", *(["token_type_ids"] if is_bert else []), "attention_mask"],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")


def save_bpe(folder: Path, special: tuple[str, ...]) -> None:
    """RoBERTa's: byte-level BPE, trained on a few words, with its own post-processor."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY["BPE"],
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    start, end = (special.index(token) for token in ("<s>", "</s>"))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", end), ("<s>", start), add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    _save(tokenizer, folder, "RobertaTokenizerFast")


def save_unigram(folder: Path, special: tuple[str, ...]) -> None:
    """XLM-RoBERTa's: Unigram with Metaspace, trained on a few words."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY["Unigram"], special_tokens=list(special), unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    ids = {token: i for i, token in enumerate(special)}
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(token, ids[token]) for token in ("<s>", "</s>")],
    )
    tokenizer.decoder = decoders.Metaspace()
    _save(tokenizer, folder, "PreTrainedTokenizerFast")


def _save(tokenizer: Tokenizer, folder: Path, kind: str) -> None:
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {
        "pad_token": "<pad>",
        "mask_token": "<mask>",
        "cls_token": "<s>",
        "sep_token": "</s>",
        "unk_token": "<unk>",
    }
    config: dict[str, Any] = {"tokenizer_class": kind, "model_max_length": LONGEST, **named}
    config["model_input_names"] = ["input_ids", "attention_mask"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")


FamilyCheckpoint = Callable[[Family, str], Path]
"""(family, task) -> the directory of its tiny checkpoint."""
