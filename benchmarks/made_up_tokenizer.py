"""A WordPiece tokenizer of made-up words, as large as BERT's: speed needs no real one."""

from __future__ import annotations

import itertools
import json
import string
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from benchmarks.workload import MASK_ID, VOCABULARY

SPECIAL = {"[PAD]": 0, "[UNK]": MASK_ID - 3, "[CLS]": MASK_ID - 2, "[SEP]": MASK_ID - 1, "[MASK]": MASK_ID}
"""At the places that BERT's own vocabulary gives them."""

_SETTINGS = {
    "tokenizer_class": "BertTokenizer",
    "do_lower_case": True,
    "model_max_length": 512,
    **{f"{name[1:-1].lower()}_token": name for name in SPECIAL},
}


def write_tokenizer(folder: Path) -> None:
    """`tokenizer.json`, `tokenizer_config.json` and `vocab.txt` in a checkpoint's folder."""
    words = vocabulary()
    made = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, SPECIAL[name]) for name in ("[CLS]", "[SEP]")],
    )
    made.add_special_tokens(list(SPECIAL))
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(_SETTINGS), encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")


def vocabulary() -> list[str]:
    """As many words as BERT's vocabulary has, by id: first those that are special or unused, then letters and digits,
    also within words, and words of three letters."""
    first = {number: name for name, number in SPECIAL.items()}
    reserved = [first.get(i, f"[unused{i}]") for i in range(MASK_ID + 1)]
    return [*reserved, *itertools.islice(_words(), VOCABULARY - len(reserved))]


def words_of(tokens: int) -> str:
    """A text of so many tokens, of one word each."""
    return " ".join(itertools.islice(itertools.cycle("".join(word) for word in _three_letters()), tokens))


def _words() -> Iterator[str]:
    characters = [*string.ascii_lowercase, *string.digits]
    yield from characters
    yield from (f"##{character}" for character in characters)
    yield from string.punctuation
    yield from ("".join(word) for word in _three_letters())
    yield from (f"##{''.join(word)}" for word in _three_letters())


def _three_letters() -> Iterator[tuple[str, ...]]:
    return itertools.product(string.ascii_lowercase, repeat=3)
