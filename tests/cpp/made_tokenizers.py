"""Tokenizers of the families beside BERT's, trained on a few sentences: small, and the same each time."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.cpp.strings import CASED, EMOJI, WORDS
from tests.tokenizer_files import Json, added
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

TOOLS = Path(__file__).parents[2] / "runtime" / "cpp" / "tools"
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
SENTENCES = (
    "The transformers of this library are trained on sentences that aren't long, and they'll read 1234567 numbers.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy, naïve café Straße İstanbul ΟΔΥΣΣΕΥΣ",
    "日本語 の 文章 です。 한국어 문장 नमस्ते दुनिया สวัสดี العربية עברית 👩‍👩‍👧 👍🏽 ❤️ 🇩🇪",
    "    def f(x):\n        return x  # indented\r\n\ttabs\n\n\n",
)
NMT_NFKC = {
    **{chr(code): "" for code in (*range(1, 9), 11, *range(14, 32), 127, 0x8F, 0x9F)},
    **{
        chr(code): " " for code in (9, 10, 12, 13, 0x1680, 0x200B, 0x200E, 0x2028, 0x2581, 0xFEFF, 0xFFFD, 0xA0, 0x3000)
    },
}
"""A part of SentencePiece's rules; NFKC's own are added by `charsmap`."""


def corpus(generator: random.Random) -> Iterator[str]:
    """Sentences of all scripts, shuffled."""
    words = [*" ".join(SENTENCES).split(), *WORDS, *EMOJI, *generator.sample(CASED, 300)]
    for _ in range(400):
        yield " ".join(generator.choices(words, k=12))
    yield from SENTENCES


def charsmap(replacements: Mapping[str, str]) -> bytes:
    """A precompiled map, by the builder that the tables are made with."""
    made: bytes = _tool("charsmap").charsmap(replacements)
    return made


def _tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def nmt_nfkc() -> bytes:
    """A map like SentencePiece's nmt_nfkc, of the characters that texts of the tests are likely to have."""
    nfkc = normalizers.NFKC().normalize_str
    changed = {c: n for c in map(chr, range(0xA0, 0x2FFF)) if (n := nfkc(c)) != c}
    changed |= {c: n for c in map(chr, range(0x3000, 0x3400)) if (n := nfkc(c)) != c}
    changed |= {c: n for c in map(chr, range(0xFB00, 0xFFEF)) if (n := nfkc(c)) != c}
    composed = {
        base + mark: n
        for base in "aeiouAEIOU"
        for mark in "\u0300\u0301\u0302\u0308"
        if len(n := nfkc(base + mark)) == 1
    }
    return charsmap({**changed, **composed, **NMT_NFKC})


def roberta() -> Tokenizer:
    """Byte-level BPE with RoBERTa's processing."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    train = trainers.BpeTrainer(
        vocab_size=900, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(corpus(random.Random(1)), train)
    made.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False
    )
    made.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return made


def roberta_with_prefix() -> Tokenizer:
    """The same where a space is put before each text, as for words that were cut before."""
    made = roberta()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    made.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=True
    )
    return made


def modernbert() -> Tokenizer:
    """NFC, byte-level BPE, tokens of spaces, a template: as in GPT-NeoX and OLMo."""
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<|padding|>", "[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    train = trainers.BpeTrainer(vocab_size=800, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(corpus(random.Random(2)), train)
    made.add_tokens([AddedToken(" " * count, normalized=True) for count in range(24, 1, -1)])
    made.add_special_tokens([AddedToken("[MASK]", lstrip=True, special=True)])
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def xlm_roberta() -> Tokenizer:
    """Unigram with a precompiled map, as XLM-R's and multilingual MiniLM's."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(nmt_nfkc()), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    made.decoder = decoders.Metaspace()
    train = trainers.UnigramTrainer(
        vocab_size=700, special_tokens=list(SPECIAL), unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(corpus(random.Random(3)), train)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    made.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return made


def camembert() -> Tokenizer:
    """The same with Metaspace alone, which puts its character at the start of the text only."""
    made = xlm_roberta()
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    return made


def unigram_of_bytes() -> Tokenizer:
    """Unigram whose unknown characters are bytes, over the whole text as one word."""
    made = xlm_roberta()
    content = json.loads(made.to_str())
    least = min(score for _, score in content["model"]["vocab"])
    content["model"]["vocab"] += [[f"<0x{byte:02X}>", least - 1] for byte in range(256) if byte % 16 != 7]
    content["model"]["byte_fallback"] = True
    content["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False}
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] in SPECIAL]
    return Tokenizer.from_str(json.dumps(content))


def mpnet() -> Tokenizer:
    """WordPiece with RoBERTa's names and processing."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    train = trainers.WordPieceTrainer(vocab_size=900, special_tokens=[*SPECIAL, "[UNK]"], show_progress=False)
    made.train_from_iterator(corpus(random.Random(4)), train)
    made.decoder = decoders.WordPiece()
    made.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False
    )
    made.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    return made


FAMILIES: Mapping[str, Callable[[], Tokenizer]] = {
    "roberta": roberta,
    "roberta with a prefix": roberta_with_prefix,
    "modernbert": modernbert,
    "xlm-roberta": xlm_roberta,
    "camembert": camembert,
    "unigram of bytes": unigram_of_bytes,
    "mpnet": mpnet,
}


def content_of(made: Tokenizer) -> Json:
    """As its tokenizer.json has it."""
    content: Json = json.loads(made.to_str())
    return content


def with_more_tokens(content: Json, tokens: Mapping[str, Mapping[str, bool]]) -> Json:
    """The same with more added tokens, each with its flags."""
    model = content["model"]
    known = (
        dict(model["vocab"]) if isinstance(model["vocab"], dict) else {t: i for i, (t, _) in enumerate(model["vocab"])}
    )
    size = len(known) + sum(token["content"] not in known for token in content["added_tokens"])
    taken = {token["content"] for token in content["added_tokens"]}
    made: list[Any] = list(content["added_tokens"])
    for text, flags in tokens.items():
        if text in taken:
            continue
        made.append(added(known.get(text, size), text, **flags))
        size += text not in known
    return {**content, "added_tokens": made}


def vocabulary_of(content: Json) -> Sequence[str]:
    """The tokens of a model."""
    vocabulary = content["model"]["vocab"]
    return list(vocabulary) if isinstance(vocabulary, dict) else [token for token, _ in vocabulary]
