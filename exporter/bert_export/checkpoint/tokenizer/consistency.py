"""Where a checkpoint's files contradict what transformers makes of them: small differences are noted, others
refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from bert_export.checkpoint.findings import Findings, reading
from bert_export.checkpoint.keys import shown
from bert_export.errors import CheckpointError
from bert_runtime.errors import BundleError
from bert_runtime.template import Template, read_template

if TYPE_CHECKING:
    from transformers import TokenizersBackend

NORMALIZER_FIELDS = {
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}
"""tokenizer_config.json -> the normalizer's field in tokenizer.json."""
FIXED = {
    "model": ("unk_token", "continuing_subword_prefix", "max_input_chars_per_word"),
    "normalizer": ("clean_text",),
}
"""What BertTokenizer has a value of its own for, whatever tokenizer.json says."""


MODELS = ("WordPiece", "BPE", "Unigram")


def is_word_piece(content: Mapping[str, Any]) -> bool:
    """Whether a tokenizer.json is of BERT's kind."""
    model = content.get("model")
    return isinstance(model, dict) and _type(model) == "WordPiece"


def refuse_foreign(content: Mapping[str, Any]) -> None:
    """Only what both runtimes implement: for WordPiece BERT's normalizer and pre-tokenizer, for BPE and Unigram what
    the runtime's own reader takes, which is asked later.

    Raises:
        CheckpointError: another kind of tokenizer.
    """
    model = content.get("model")
    kind = _type(model) if isinstance(model, dict) else None
    if kind in MODELS[1:]:
        return
    expected = {"model": "WordPiece", "normalizer": "BertNormalizer", "pre_tokenizer": "BertPreTokenizer"}
    parts = {name: content.get(name) for name in expected}
    found = {name: _type(part) if isinstance(part, dict) else None for name, part in parts.items()}
    if found != expected:
        got = ", ".join(f"{name} {kind}" for name, kind in found.items())
        wanted = ", ".join(f"{name} {kind}" for name, kind in expected.items())
        raise CheckpointError(
            f"tokenizer.json has {got}; expected {wanted}, or a model {' or '.join(MODELS[1:])}: no other tokenizer "
            "is supported"
        )


def _type(part: Mapping[str, Any]) -> Any:
    """The type of a part; the first versions of the format gave a model none."""
    is_word_piece = "continuing_subword_prefix" in part and "max_input_chars_per_word" in part
    return part.get("type", "WordPiece" if is_word_piece else None)


def compare(saved: Mapping[str, Any], own: TokenizersBackend, findings: Findings) -> None:
    """Compare tokenizer.json with what transformers made of it and of tokenizer_config.json.

    Raises:
        CheckpointError: what the tokenizer's class drops decides how words are split.
    """
    kind, made = type(own).__name__, json.loads(own.backend_tokenizer.to_str())
    if not is_word_piece(saved):
        _note_parts(kind, saved, made, findings)
        return
    lost = [
        f"{part} {field} {shown(saved[part][field])} (there: {shown(made[part].get(field))})"
        for part, fields in FIXED.items()
        for field in fields
        if field in saved[part] and saved[part][field] != made[part].get(field)
    ]
    if lost:
        raise CheckpointError(
            f"tokenizer.json says {', '.join(lost)}, which {kind} of transformers replaces by its own: set "
            "tokenizer_class to PreTrainedTokenizerFast in tokenizer_config.json if tokenizer.json is right"
        )
    for key, field in NORMALIZER_FIELDS.items():
        before, after = saved["normalizer"].get(field), made["normalizer"].get(field)
        if before != after:
            findings.notes.append(
                f"tokenizer.json says {field} {shown(before)}, {kind} of transformers {shown(after)} (from {key} in "
                f"tokenizer_config.json, or by default): took the latter, as AutoTokenizer does"
            )
    with reading("tokenizer.json", "expected a BERT tokenizer; fetch the checkpoint again"):
        templates = [_template(content) for content in (saved, made)]
    if templates[0] != templates[1]:
        findings.notes.append(
            f"tokenizer.json's post-processor is not the one of {kind} of transformers: took the latter, as "
            "AutoTokenizer does"
        )


def _note_parts(kind: str, saved: Mapping[str, Any], made: Mapping[str, Any], findings: Findings) -> None:
    """Name the parts of a tokenizer.json that its class replaces; the text gate compares what comes out."""
    replaced = [
        part
        for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder")
        if saved.get(part) != made.get(part)
    ]
    if replaced:
        findings.notes.append(
            f"tokenizer.json's {', '.join(replaced)} are not those of {kind} of transformers: took the latter, as "
            "AutoTokenizer does"
        )


def note_left_out(folder: Path, declared: Mapping[str, Any], own: TokenizersBackend, findings: Findings) -> None:
    """Name the tokens of the folder's files that AutoTokenizer leaves out, or gives other ids.

    Args:
        declared: file -> its content, of those that list tokens.
    """
    ids, texts = own.get_vocab(), set(own.added_tokens_encoder)
    for file, content in declared.items():
        tokens = list(_tokens(file, content))
        absent = [text for text, _ in tokens if text not in texts]
        moved = [
            f"{text} {ids[text]} (there: {at})" for text, at in tokens if at is not None and ids.get(text, at) != at
        ]
        if absent:
            findings.notes.append(
                f"{file} lists {_some(absent)}, which AutoTokenizer does not keep whole: nor does the bundle"
            )
        if moved:
            findings.notes.append(f"AutoTokenizer gives tokens of {file} other ids, which were taken: {_some(moved)}")
    _note_vocabulary(folder, own, findings)


def listed_tokens(declared: Mapping[str, Any]) -> set[str]:
    """The tokens to which a file of the checkpoint gives an id: added_tokens of all kinds, but not names alone."""
    return {text for file, content in declared.items() for text, at in _tokens(file, content) if at is not None}


def _note_vocabulary(folder: Path, own: TokenizersBackend, findings: Findings) -> None:
    """A vocab.txt beside tokenizer.json that differs is another model's, or a newer one."""
    if not ((folder / "vocab.txt").is_file() and (folder / "tokenizer.json").is_file()):
        return
    vocabulary = own.get_vocab()
    strange = [piece for piece in set(read_vocabulary(folder)) if piece.strip() not in vocabulary and piece.strip()]
    if strange:
        findings.notes.append(
            f"vocab.txt has {len(strange)} entries that tokenizer.json lacks ({_some(sorted(strange))}): took the "
            "latter, as AutoTokenizer does; remove it if it is stale"
        )


def read_vocabulary(folder: Path) -> list[str]:
    """The lines of vocab.txt; raises CheckpointError where it is no text."""
    with reading("vocab.txt", "expected one word piece a line in UTF-8; fetch it again"):
        lines = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _tokens(file: str, content: Mapping[str, Any]) -> Iterator[tuple[str, int | None]]:
    """Each token that a file lists, and its id where it says one."""
    if file == "added_tokens.json":
        yield from ((text, at if isinstance(at, int) else None) for text, at in content.items())
    elif file == "tokenizer.json":
        listed = content.get("added_tokens")
        tokens = listed if isinstance(listed, list) else []
        yield from ((_text(token), token["id"]) for token in tokens if isinstance(token, dict) and "id" in token)
    else:
        decoder = content.get("added_tokens_decoder")
        if isinstance(decoder, dict):
            yield from ((_text(token), int(at)) for at, token in decoder.items() if str(at).isdigit())
        named = [value for key, value in content.items() if key.endswith("_token")]
        yield from ((_text(token), None) for token in [*named, *_listed(content)] if _text(token))


def _listed(content: Mapping[str, Any]) -> Iterable[Any]:
    for key in ("additional_special_tokens", "extra_special_tokens"):
        value = content.get(key)
        yield from value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _text(token: Any) -> str:
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else ""


def _template(content: Mapping[str, Any]) -> Template | None:
    """The special tokens that a tokenizer.json puts around texts; None where they are not BERT's."""
    try:
        return read_template(Tokenizer.from_str(json.dumps({**content, "truncation": None, "padding": None})))
    except BundleError:
        return None


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(name[:40] for name in names[:10]) + more
