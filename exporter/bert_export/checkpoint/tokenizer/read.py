"""From a checkpoint's folder to the bundle's tokenizer.json and tokenizer_config.json, and the manifest's record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from bert_export.checkpoint.findings import Findings, read_object, reading
from bert_export.checkpoint.keys import KnownFile, account
from bert_export.checkpoint.tokenizer.bundle_config import bundle_config
from bert_export.checkpoint.tokenizer.consistency import (
    compare,
    is_word_piece,
    listed_tokens,
    note_left_out,
    read_vocabulary,
    refuse_foreign,
)
from bert_export.checkpoint.tokenizer.keys import ADDED_TOKENS, SPECIAL_TOKENS_MAP, TOKENIZER_CONFIG, TOKENIZER_JSON
from bert_export.checkpoint.tokenizer.length import max_length
from bert_export.checkpoint.tokenizer.own import check_class, load_own
from bert_export.checkpoint.tokenizer.sentence import SentenceText, read_sentence_text, with_lower_case
from bert_export.checkpoint.tokenizer.special import Special, find_special
from bert_export.errors import CheckpointError
from bert_runtime.errors import BundleError
from bert_runtime.text import TextEncoder
from bert_runtime.tokenizer_record import TokenizerRecord

if TYPE_CHECKING:
    from transformers import TokenizersBackend


@dataclass(frozen=True)
class ModelFacts:
    """What the tokenizer must fit.

    Attributes:
        config: the content of config.json.
        embeddings: for how many ids the model has an embedding.
        positions: the longest sequence that it has positions for.
        types: how many token types it has.
    """

    config: Mapping[str, Any]
    embeddings: int
    positions: int
    types: int


@dataclass(frozen=True)
class TokenizerFolders:
    """Where the tokenizer's files lie.

    Attributes:
        tokenizer: tokenizer.json or vocab.txt, and what stands beside them.
        sentence: sentence_bert_config.json; None where sentence-transformers would not read it: without modules.json.
    """

    tokenizer: Path
    sentence: Path | None = None


@dataclass(frozen=True)
class TokenizerFile:
    """A tokenizer without truncation and padding, and what the bundle says about it.

    Attributes:
        json: the content of tokenizer.json.
        config: the content of tokenizer_config.json, with which AutoTokenizer yields the same ids.
        record: what the manifest says.
        size: one more than the largest id.
        kind: the class of transformers that it was made by.
    """

    json: str
    config: str
    record: TokenizerRecord
    size: int
    kind: str

    @property
    def max_length(self) -> int:
        """The longest sequence the model takes, special tokens included."""
        return self.record.max_length

    def encoder(self) -> TextEncoder:
        """The tokenizer as a runtime reads it from the bundle.

        Raises:
            BundleError: the runtime cannot use it.
        """
        return TextEncoder.from_json(self.json.encode(), self.record.file, self.record)


@dataclass(frozen=True)
class ReadTokenizer:
    """The tokenizer for the bundle, and the checkpoint's own, which it is to equal.

    Attributes:
        own: transformers' tokenizer for the checkpoint's folder.
        sentence: what sentence-transformers changes of it.
    """

    file: TokenizerFile
    own: TokenizersBackend
    sentence: SentenceText


def read_tokenizer(
    folders: TokenizerFolders, model: ModelFacts, chosen: int | None, findings: Findings
) -> ReadTokenizer:
    """Read the tokenizer as AutoTokenizer does; `chosen` is the user's maximum length.

    Raises:
        CheckpointError: no tokenizer, one that is not BERT's, or a setting that the bundle cannot carry.
    """
    folder = folders.tokenizer
    with findings.stopping():
        contents = {file.name: _content(folder, file, findings) for file in _JSON_FILES}
        check_class(model.config, contents[TOKENIZER_CONFIG.name] or {}, findings)
        _account(contents, findings)
        sentence = read_sentence_text(folders.sentence, findings)
    saved = contents[TOKENIZER_JSON.name]
    if saved is not None:
        refuse_foreign(saved)
    own = _own(folder, model.config, contents)
    if saved is not None:
        compare(saved, own, findings)
    declared = {name: content for name, content in contents.items() if content is not None}
    note_left_out(folder, declared, own, findings)
    special = find_special(own, listed_tokens(declared))
    length = max_length(own.model_max_length, sentence.max_length, model.positions, chosen, findings)
    file = _file(own, special, sentence, length, model)
    _check_runtime(file)
    return ReadTokenizer(file, own, sentence)


_JSON_FILES = (TOKENIZER_CONFIG, SPECIAL_TOKENS_MAP, ADDED_TOKENS, TOKENIZER_JSON)


def _content(folder: Path, file: KnownFile, findings: Findings) -> dict[str, Any] | None:
    """The content of a file; None where there is no file, or none that can be read, which is a problem."""
    path = folder / file.name
    if not path.is_file():
        return None
    with findings.collecting():
        return read_object(path)
    return None


def _account(contents: Mapping[str, dict[str, Any] | None], findings: Findings) -> None:
    """Account for the keys of every file that is there, and is read: added_tokens_decoder replaces two of them."""
    replaced = "added_tokens_decoder" in (contents[TOKENIZER_CONFIG.name] or {})
    for known in _JSON_FILES:
        content = contents[known.name]
        if content is not None:
            account(known, content, findings)
            if replaced and known in (SPECIAL_TOKENS_MAP, ADDED_TOKENS):
                findings.read[known.name] = ()


def _own(folder: Path, config: Mapping[str, Any], contents: Mapping[str, dict[str, Any] | None]) -> TokenizersBackend:
    """The checkpoint's tokenizer, known to be a WordPiece with every entry of its vocabulary."""
    entries = None
    if contents[TOKENIZER_JSON.name] is None and (folder / "vocab.txt").is_file():
        entries = len(set(read_vocabulary(folder)))
    own = load_own(folder, config, contents[TOKENIZER_CONFIG.name] or {})
    refuse_foreign(json.loads(own.backend_tokenizer.to_str()))
    if entries is not None and own.vocab_size < entries:
        raise CheckpointError(
            f"vocab.txt has {entries} entries but the tokenizer built from it has {own.vocab_size}; add a "
            "tokenizer.json to the checkpoint"
        )
    return own


def _file(
    own: TokenizersBackend, special: Special, sentence: SentenceText, length: int, model: ModelFacts
) -> TokenizerFile:
    """The tokenizer without truncation and padding, which are the record's."""
    content = json.loads(own.backend_tokenizer.to_str()) | {"truncation": None, "padding": None}
    if special.mask is None:
        content = _without(content, own.mask_token, model.embeddings)
    is_bert = is_word_piece(content)
    if sentence.lower_case and not is_bert:
        raise CheckpointError(
            "sentence_bert_config.json says do_lower_case true, expected false: no bundle lower-cases before a "
            "tokenizer of this kind; remove it where texts are lower case anyway"
        )
    if sentence.lower_case:
        content = with_lower_case(content)
    with reading("the tokenizer", "expected a BERT tokenizer; fetch the checkpoint again"):
        tokenizer = Tokenizer.from_str(json.dumps(content))
    has_types = model.types > 1 and "token_type_ids" in own.model_input_names
    pair_types = (0, int(has_types and max(tokenizer.encode("a", "a").type_ids) > 0))
    record = TokenizerRecord(
        "tokenizer.json",
        length,
        special.pad_id,
        special.mask_id,
        own.truncation_side,
        pair_types,
        special_tokens=special.unusual_names(own),
    )
    size = max(tokenizer.get_vocab().values()) + 1
    config = bundle_config(own, special, content["normalizer"] if is_bert else None, record)
    return TokenizerFile(tokenizer.to_str(pretty=False), config, record, size, type(own).__name__)


def _without(content: dict[str, Any], token: str | None, embeddings: int) -> dict[str, Any]:
    """Without a mask token that transformers added by default, as the last, where the model has no embedding for it."""
    added = content["added_tokens"]
    if not added or added[-1]["content"] != token or added[-1]["id"] < embeddings:
        return content
    return {**content, "added_tokens": added[:-1]}


def _check_runtime(file: TokenizerFile) -> None:
    """Ask the runtime itself whether it can use this tokenizer."""
    try:
        file.encoder()
    except BundleError as error:
        raise CheckpointError(str(error)) from error
