"""The parts of a tokenizer.json that are known, each member read with its type and range checked.

The C++ runtime has the same parts and takes the same files: rule 36 of BUNDLE.md.
"""

from __future__ import annotations

from typing import Any

from bert_runtime.tokenizer_parts.decoders import read_decoder
from bert_runtime.tokenizer_parts.fields import Fields, Json, member, shown
from bert_runtime.tokenizer_parts.limits import LONGEST_ADDED_TOKEN, MOST_ADDED_TOKENS
from bert_runtime.tokenizer_parts.models import read_model
from bert_runtime.tokenizer_parts.normalizers import read_normalizer
from bert_runtime.tokenizer_parts.post_processors import read_post_processor
from bert_runtime.tokenizer_parts.pre_tokenizers import read_pre_tokenizer

_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")


def read_parts(root: object, name: str) -> Json:
    """The parts of the value of a file, with the members that they have, as a tokenizer.json; `name` is the file's.

    Raises:
        BundleError: what is wrong, the first five of it.
    """
    fields = Fields()
    if not isinstance(root, dict):
        fields.problem(f"is {shown(root)}, expected a tokenizer.json")
    version = member(root, "version") if isinstance(root, dict) and "version" in root else "1.0"
    if version != "1.0":
        fields.problem(f"the tokenizer's version is {shown(version)}, expected 1.0")
    model = member(root, "model")
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "model": read_model(fields, model),
        "normalizer": read_normalizer(fields, member(root, "normalizer")),
        "pre_tokenizer": read_pre_tokenizer(
            fields, member(root, "pre_tokenizer"), may_lack=member(model, "type") != "WordPiece"
        ),
        "post_processor": read_post_processor(fields, member(root, "post_processor")),
        "decoder": read_decoder(fields, member(root, "decoder")),
        "added_tokens": _added_tokens(fields, root["added_tokens"])
        if isinstance(root, dict) and "added_tokens" in root
        else [],
    }
    fields.raise_problems(name)
    return content


def _added_tokens(fields: Fields, found: Any) -> list[Json]:
    if not isinstance(found, list):
        fields.problem(f"added_tokens is {shown(found)}, expected a list")
        return []
    if len(found) > MOST_ADDED_TOKENS:
        fields.problem(f"added_tokens has {len(found)} tokens, expected at most {MOST_ADDED_TOKENS}")
        return []
    tokens = []
    for i, record in enumerate(found):
        where = f"added_tokens[{i}]"
        token: Json = {"id": fields.id(member(record, "id"), f"{where}.id")}
        token["content"] = fields.text(record, where, "content", LONGEST_ADDED_TOKEN)
        tokens.append(token | {key: fields.flag(record, where, key) for key in _FLAGS})
    return tokens


__all__ = ["read_parts"]
