"""The checkpoint's tokenizer as one tokenizer.json, checked to be BERT's and to fit the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from bert_export.checkpoint.findings import Findings, listing, read_object, reading
from bert_export.errors import CheckpointError
from bert_runtime.errors import BundleError
from bert_runtime.text import TextEncoder, TokenizerRecord

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
# tokenizer_config.json -> the normalizer's field in tokenizer.json
NORMALIZER_FIELDS = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
VERBATIM_CLASSES = ("PreTrainedTokenizerFast", "TokenizersBackend")  # they take tokenizer.json as it is


@dataclass(frozen=True)
class TokenizerFile:
    """A tokenizer without truncation and padding, and what the bundle says about it.

    Attributes:
        json: the content of tokenizer.json.
        config: the content of tokenizer_config.json, with which AutoTokenizer yields the same ids.
        max_length: the longest sequence the model takes, special tokens included.
        size: one more than the largest id.
        pad_id, unk_id, cls_id, sep_id: ids of the special tokens.
        mask_id: the id of [MASK]; None where the vocabulary lacks it.
        lower_case: whether text is lower-cased.
    """

    json: str
    config: str
    max_length: int
    size: int
    pad_id: int
    unk_id: int
    cls_id: int
    sep_id: int
    mask_id: int | None
    lower_case: bool

    @property
    def record(self) -> TokenizerRecord:
        """What the manifest says of it."""
        return TokenizerRecord("tokenizer.json", self.max_length, self.pad_id, self.mask_id)


def read_tokenizer(folder: Path, positions: int, max_length: int | None, findings: Findings) -> TokenizerFile:
    """Read tokenizer.json, or build it from vocab.txt; `max_length` goes before the tokenizer's own.

    Raises:
        CheckpointError: no tokenizer, one that is not BERT's, or one without BERT's special tokens.
    """
    settings = _settings(folder)
    content = _content(folder, settings, findings)
    _refuse_foreign(content)
    with reading("tokenizer.json", "expected a BERT tokenizer; fetch the checkpoint again"):
        tokenizer = Tokenizer.from_str(json.dumps(content | {"truncation": None, "padding": None}))
    pad, unk, cls, sep = _special_ids(tokenizer)
    length = _max_length(settings, positions, max_length)
    found = TokenizerFile(
        json=tokenizer.to_str(pretty=False),
        config=_config_file(content, length),
        max_length=length,
        size=max(tokenizer.get_vocab().values()) + 1,
        pad_id=pad,
        unk_id=unk,
        cls_id=cls,
        sep_id=sep,
        mask_id=tokenizer.token_to_id("[MASK]"),
        lower_case=bool(content["normalizer"]["lowercase"]),
    )
    _ask_runtime(found)
    return found


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    return read_object(path) if path.is_file() else {}


def _content(folder: Path, settings: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """The JSON of the tokenizer."""
    if (folder / "tokenizer.json").is_file():
        content = read_object(folder / "tokenizer.json")
        _apply_settings(content, settings, findings)
        return content
    if (folder / "vocab.txt").is_file():
        return _built(folder)
    raise CheckpointError(
        f"no tokenizer: found {listing(folder)}; expected tokenizer.json or vocab.txt beside config.json"
    )


def _apply_settings(content: Mapping[str, Any], settings: Mapping[str, Any], findings: Findings) -> None:
    """Where tokenizer_config.json contradicts tokenizer.json, BertTokenizer follows the former: so do we, and say so.

    A setting that is absent keeps tokenizer.json's value, where transformers would put its default and lower-case a
    cased model's text.
    """
    normalizer = content.get("normalizer")
    if not isinstance(normalizer, dict) or settings.get("tokenizer_class") in VERBATIM_CLASSES:
        return
    for key, field in NORMALIZER_FIELDS.items():
        if key in settings and field in normalizer and normalizer[field] != settings[key]:
            findings.notes.append(
                f"tokenizer_config.json says {key} {settings[key]}, tokenizer.json {normalizer[field]}: took the former"
            )
            normalizer[field] = settings[key]


def _built(folder: Path) -> dict[str, Any]:
    """A tokenizer from vocab.txt and tokenizer_config.json.

    By from_pretrained: BertTokenizer(vocab_file=...) of transformers 5 ignores the file and has five tokens.
    """
    from transformers import BertTokenizer  # noqa: PLC0415 - torch: tokenizer.json is read without it

    with reading("vocab.txt", "expected one word piece a line in UTF-8; fetch it again"):
        lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        built = BertTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
    if built.get_vocab_size() < len(set(lines)):
        raise CheckpointError(
            f"vocab.txt has {len(set(lines))} entries but the tokenizer built from it has {built.get_vocab_size()}; "
            "add a tokenizer.json to the checkpoint"
        )
    content: dict[str, Any] = json.loads(built.to_str())
    return content


def _refuse_foreign(content: Mapping[str, Any]) -> None:
    """Only what both runtimes implement: WordPiece over BERT's normalizer and pre-tokenizer."""
    expected = {"model": "WordPiece", "normalizer": "BertNormalizer", "pre_tokenizer": "BertPreTokenizer"}
    parts = {name: content.get(name) for name in expected}
    found = {name: part.get("type") if isinstance(part, dict) else None for name, part in parts.items()}
    if found != expected:
        got = ", ".join(f"{name} {kind}" for name, kind in found.items())
        wanted = ", ".join(f"{name} {kind}" for name, kind in expected.items())
        raise CheckpointError(f"tokenizer.json has {got}; expected {wanted}: only BERT's own tokenizer is supported")


def _special_ids(tokenizer: Tokenizer) -> tuple[int, int, int, int]:
    ids = {token: tokenizer.token_to_id(token) for token in SPECIAL}
    missing = [token for token, found in ids.items() if found is None]
    if missing:
        raise CheckpointError(f"the tokenizer's vocabulary lacks {', '.join(missing)}; expected BERT's special tokens")
    pad, unk, cls, sep = (found for found in ids.values() if found is not None)
    return pad, unk, cls, sep


def _ask_runtime(tokenizer: TokenizerFile) -> None:
    """Ask the runtime itself whether it can use this tokenizer."""
    try:
        TextEncoder.from_json(tokenizer.json.encode(), tokenizer.record.file, tokenizer.record)
    except BundleError as error:
        raise CheckpointError(str(error)) from error


def _max_length(settings: Mapping[str, Any], positions: int, chosen: int | None) -> int:
    """The shortest of what the model has positions for and what the tokenizer or the user says."""
    if chosen is not None and not 2 < chosen <= positions:
        raise CheckpointError(f"the maximum length is {chosen}, expected 3 to {positions}, the model's positions")
    own = settings.get("model_max_length")
    own = int(own) if isinstance(own, int | float) and 2 < own < positions else positions
    return own if chosen is None else chosen


def _config_file(content: Mapping[str, Any], max_length: int) -> str:
    """tokenizer_config.json: BertTokenizer rebuilds the tokenizer from these, so every one of them is written out."""
    model, normalizer = content["model"], content["normalizer"]
    usual = normalizer.get("clean_text", True) and (
        model.get("unk_token"),
        model.get("continuing_subword_prefix"),
        model.get("max_input_chars_per_word"),
    ) == ("[UNK]", "##", 100)
    values: dict[str, Any] = {key: normalizer.get(field) for key, field in NORMALIZER_FIELDS.items()}
    values |= {f"{token[1:-1].lower()}_token": token for token in (*SPECIAL, "[MASK]")}
    values["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    values["model_max_length"] = max_length
    values["tokenizer_class"] = "BertTokenizer" if usual else "PreTrainedTokenizerFast"
    return json.dumps(values, indent=2, sort_keys=True) + "\n"
