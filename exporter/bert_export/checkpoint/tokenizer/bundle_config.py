"""tokenizer_config.json of a bundle: with it, AutoTokenizer gives the ids of the bundle's tokenizer.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bert_export.checkpoint.tokenizer.consistency import NORMALIZER_FIELDS
from bert_export.checkpoint.tokenizer.own import VERBATIM_CLASSES
from bert_export.checkpoint.tokenizer.special import Special
from bert_runtime.tokenizer_record import TokenizerRecord

if TYPE_CHECKING:
    from transformers import TokenizersBackend


def bundle_config(
    own: TokenizersBackend, special: Special, normalizer: Mapping[str, Any] | None, record: TokenizerRecord
) -> str:
    """The file's text. Every value is written out, since BertTokenizer rebuilds the tokenizer from them.

    Args:
        own: the checkpoint's tokenizer, whose class and special tokens are named.
        special: those of them that the vocabulary has.
        normalizer: that of the bundle's tokenizer.json, where it is BERT's.
        record: what the manifest says of the tokenizer.
    """
    fields = {} if normalizer is None else {key: normalizer.get(field) for key, field in NORMALIZER_FIELDS.items()}
    values: dict[str, Any] = fields
    tokens = {name: getattr(own, name) for name in ("unk_token", "cls_token", "sep_token")}
    tokens |= {"pad_token": special.pad, "mask_token": special.mask}
    values |= tokens
    types = ["token_type_ids"] if record.pair_type_ids != (0, 0) else []
    values["model_input_names"] = ["input_ids", *types, "attention_mask"]
    values["model_max_length"] = record.max_length
    values["truncation_side"] = record.truncation_side
    is_verbatim = type(own).__name__ in VERBATIM_CLASSES or bool(record.special_tokens) or normalizer is None
    values["tokenizer_class"] = "PreTrainedTokenizerFast" if is_verbatim else "BertTokenizer"
    return json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
