"""What a manifest says of its tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenizers import Tokenizer

from bert_runtime.errors import Problem


@dataclass(frozen=True)
class TokenizerRecord:
    """What a manifest says of the tokenizer.

    Attributes:
        file: the name of its tokenizer.json in the bundle.
        max_length: the longest sequence that the model takes, special tokens included.
        pad_id: the id that stands for padding.
        mask_id: the id of the mask token; None where there is none.
        truncation_side: which end of a text is cut, right or left; of two texts that of the longer one.
        pair_type_ids: the token types of the first text and of the second: (0, 1), or (0, 0) where all tokens
            have the same type.
        lower_case: whether a text is lower-cased, special tokens in it included, before the tokenizer reads it.
        special_tokens: what the tokenizer calls them: cls, mask, pad, sep or unk -> the token; empty for BERT's names.
    """

    file: str
    max_length: int
    pad_id: int
    mask_id: int | None
    truncation_side: str = "right"
    pair_type_ids: tuple[int, int] = (0, 1)
    lower_case: bool = False
    special_tokens: Mapping[str, str] = field(default_factory=dict)

    def contradictions(self, tokenizer: Tokenizer, least: int) -> list[Problem]:
        """What a tokenizer lacks of what this record says; `least` is the number of a pair's special tokens."""
        found = []
        if self.max_length < least:
            found.append(
                Problem(
                    "out-of-range",
                    "tokenizer.max_length",
                    f"max_length is {self.max_length}, expected at least {least}: a pair's special tokens",
                )
            )
        for name, token_id in (("pad_id", self.pad_id), ("mask_id", self.mask_id)):
            if token_id is not None and tokenizer.id_to_token(token_id) is None:
                found.append(
                    Problem(
                        "not-in-vocabulary",
                        f"tokenizer.{name}",
                        f"the manifest's {name} is {token_id}, expected the id of a token of the tokenizer",
                    )
                )
        ids = {"pad": self.pad_id, "mask": self.mask_id}
        for name, token in sorted(self.special_tokens.items()):
            token_id = tokenizer.token_to_id(token)
            if token_id is None or token_id != ids.get(name, token_id):
                found.append(
                    Problem(
                        "not-in-vocabulary",
                        f"tokenizer.special_tokens.{name}",
                        f"the manifest calls {name} {token!r:.60}, expected what the tokenizer calls it",
                    )
                )
        return found
