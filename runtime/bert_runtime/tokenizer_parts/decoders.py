"""The decoder of a tokenizer.json: from tokens back to text."""

from __future__ import annotations

from bert_runtime.tokenizer_parts.fields import Fields, Json, kind
from bert_runtime.tokenizer_parts.pre_tokenizers import read_metaspace


def read_decoder(fields: Fields, part: object) -> Json | None:
    """The decoder with the members that its kind has; None is one."""
    if part is None:
        return None
    found = kind(part)
    if found == "WordPiece":
        prefix, cleanup = fields.text(part, "decoder", "prefix"), fields.flag(part, "decoder", "cleanup")
        return {"type": found, "prefix": prefix, "cleanup": cleanup}
    if found == "ByteLevel":
        keys = ("add_prefix_space", "trim_offsets", "use_regex")
        return {"type": found, **{key: fields.flag(part, "decoder", key, usual=True) for key in keys}}
    if found == "Metaspace":
        return {"type": found, **read_metaspace(fields, part, "decoder")}
    fields.unknown("decoder", part, "ByteLevel, Metaspace or WordPiece")
    return None
