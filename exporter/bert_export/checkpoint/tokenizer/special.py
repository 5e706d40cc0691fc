"""The special tokens that the record and the template name, by whatever names the checkpoint gives them."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bert_export.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import TokenizersBackend


@dataclass(frozen=True)
class Special:
    """Special tokens that the vocabulary has, with their ids; those of the mask are None where there is none."""

    pad: str
    pad_id: int
    mask: str | None
    mask_id: int | None

    def unusual_names(self, own: TokenizersBackend) -> dict[str, str]:
        """cls, mask, pad, sep and unk -> the token, of a tokenizer that calls one of them otherwise than BERT's."""
        others = {name: getattr(own, f"{name}_token") for name in ("cls", "sep", "unk")}
        named = {"mask": self.mask, "pad": self.pad, **others}
        found = {name: str(token) for name, token in sorted(named.items()) if token is not None}
        return {} if all(token == f"[{name.upper()}]" for name, token in found.items()) else found


def find_special(own: TokenizersBackend, listed: Collection[str]) -> Special:
    """The special tokens, each of which the checkpoint's own files hold.

    transformers adds every special token that the vocabulary lacks under a new id, also those that only a class's
    defaults name. No weight of the model was trained for such an id.

    Args:
        own: the checkpoint's tokenizer.
        listed: the added tokens that the checkpoint's files list.

    Raises:
        CheckpointError: one that a runtime cannot do without is missing.
    """
    model = json.loads(own.backend_tokenizer.model.__getstate__())
    vocabulary = model["vocab"]
    pieces = vocabulary if isinstance(vocabulary, dict) else [piece for piece, _ in vocabulary]  # Unigram's have scores
    known = set(pieces) | set(listed)
    pad = _named(own.pad_token, "[PAD]")
    needed = {"pad_token": pad}
    if model.get("unk_token") is not None:
        needed["unk_token"] = model["unk_token"]
    needed |= {name: token for name in ("cls_token", "sep_token") if (token := getattr(own, name)) is not None}
    problems = [f"{name} {token}" for name, token in needed.items() if token not in known]
    if problems:
        raise CheckpointError(
            f"the tokenizer's vocabulary lacks {', '.join(problems)}; expected the special tokens that the model was "
            "trained with: give its own tokenizer"
        )
    mask = _named(own.mask_token, "[MASK]")
    ids = own.get_vocab()
    return Special(pad, ids[pad], mask, ids[mask]) if mask in known else Special(pad, ids[pad], None, None)


def _named(stated: Any, usual: str) -> str:
    """What the checkpoint calls a token; where it names none, BERT's name."""
    return usual if stated is None else str(stated)
