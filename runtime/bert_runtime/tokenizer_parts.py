"""The parts of a tokenizer.json that can be BERT's, each field read with its type and range checked."""

from __future__ import annotations

import json
from typing import Any, TypeGuard

from bert_runtime.errors import BundleError, Problem

MOST_SHOWN = 5
MOST_TEMPLATE_TOKENS = 2**16
MOST_ADDED_TOKENS = 2**16
LONGEST_WORD = 1000
"""Characters of a word that is cut into pieces: the time that it takes grows with the square of them."""
_MAX_ID = 2**32 - 1
_NORMALIZER_FLAGS = ("clean_text", "handle_chinese_chars", "lowercase")
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
Json = dict[str, Any]


class Parts:
    """Reads the parts and gathers what is wrong with them."""

    def __init__(self, root: object, name: str) -> None:
        """Of the value of a file; `name` is the file's, for messages."""
        self._root = root
        self._name = name
        self._problems: list[str] = []

    def read(self) -> Json:
        """The parts that BERT's tokenizers have, with the fields that they have, as a tokenizer.json.

        Raises:
            BundleError: what is wrong, the first five of it.
        """
        root = self._root
        if not isinstance(root, dict):
            self._note(f"is {shown(root)}, expected a tokenizer.json")
        version = _member(root, "version") if isinstance(root, dict) and "version" in root else "1.0"
        if version != "1.0":
            self._note(f"the tokenizer's version is {shown(version)}, expected 1.0")
        content = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "model": self._model(_member(root, "model")),
            "normalizer": self._normalizer(_member(root, "normalizer")),
            "pre_tokenizer": self._pre_tokenizer(_member(root, "pre_tokenizer")),
            "post_processor": self._post_processor(_member(root, "post_processor")),
            "decoder": self._decoder(_member(root, "decoder")),
            "added_tokens": self._added_tokens(root["added_tokens"])
            if isinstance(root, dict) and "added_tokens" in root
            else [],
        }
        self._raise()
        return content

    def _model(self, part: object) -> Json:
        kind = _member(part, "type")
        if kind != "WordPiece":
            got = kind if isinstance(kind, str) else "None" if kind is None else shown(kind)
            self._note(f"the tokenizer's model is {got}, expected WordPiece; export a BERT checkpoint")
            return {}
        model = {
            "type": "WordPiece",
            "unk_token": self._text(part, "model", "unk_token"),
            "continuing_subword_prefix": self._text(part, "model", "continuing_subword_prefix"),
            "max_input_chars_per_word": self._word_length(part),
        }
        vocabulary = _member(part, "vocab")
        if not isinstance(vocabulary, dict):
            self._wrong("model", "vocab", vocabulary, "tokens with their ids")
            return model
        wrong = [token for token, token_id in vocabulary.items() if not _is_id(token_id)]
        for token in sorted(wrong, key=str.encode):
            self._id(vocabulary[token], f"model.vocab[{shown(token)}]")
        return {**model, "vocab": vocabulary}

    def _word_length(self, part: object) -> int:
        length = _member(part, "max_input_chars_per_word")
        if _is_whole(length) and length <= LONGEST_WORD:
            return length
        self._wrong("model", "max_input_chars_per_word", length, f"a whole number of at most {LONGEST_WORD}")
        return 0

    def _normalizer(self, part: object) -> Json | None:
        if part is None or not self._expect("normalizer", part, "BertNormalizer"):
            return None
        flags = {key: self._flag(part, "normalizer", key) for key in _NORMALIZER_FLAGS}
        accents = _member(part, "strip_accents")
        follows = accents is None
        return {
            "type": "BertNormalizer",
            **flags,
            "strip_accents": None if follows else self._flag(part, "normalizer", "strip_accents"),
        }

    def _pre_tokenizer(self, part: object) -> Json:
        self._expect("pre_tokenizer", part, "BertPreTokenizer")
        return {"type": "BertPreTokenizer"}

    def _post_processor(self, part: object) -> Json | None:
        if part is None:
            return None
        kind = _kind(part)
        if kind == "BertProcessing":
            return {"type": kind, "cls": self._special(part, "cls"), "sep": self._special(part, "sep")}
        if kind == "TemplateProcessing":
            used: Json = {}
            single, pair = self._elements(part, "single", used), self._elements(part, "pair", used)
            return {"type": kind, "single": single, "pair": pair, "special_tokens": used}
        self._note(
            f"the tokenizer's post-processor is {kind}, not BERT's [CLS] A [SEP] B [SEP]; export a BERT checkpoint"
        )
        return None

    def _special(self, part: object, key: str) -> list[Any]:
        """BertProcessing's [token, id]."""
        pair = _member(part, key)
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            self._wrong("post_processor", key, pair, "a token and its id")
            return ["", 0]
        return [pair[0], self._id(pair[1], f"post_processor.{key}")]

    def _elements(self, part: object, key: str, used: Json) -> list[Json]:
        """TemplateProcessing's `single` or `pair`; the special tokens in it are added to `used`."""
        found = _member(part, key)
        if not isinstance(found, list):
            self._wrong("post_processor", key, found, "a list")
            return []
        made: list[Json] = []
        tokens = 0
        for record in found:
            element, ids = self._element(record, _member(part, "special_tokens"))
            made.append(element)
            if "SpecialToken" in element:
                name = element["SpecialToken"]["id"]
                used[name] = {"id": name, "ids": ids, "tokens": [name] * len(ids)}
            tokens += 1 + len(ids)
            if tokens > MOST_TEMPLATE_TOKENS:
                self._note(f"post_processor.{key} adds too many tokens, expected a few")
                break
        return made

    def _element(self, record: object, known: object) -> tuple[Json, list[int]]:
        """A special token of `known` with its ids, or a text."""
        special = _member(record, "SpecialToken")
        part = _member(record, "Sequence") if special is None else special
        name = self._text(part, "post_processor", "id")
        type_id = self._id(_member(part, "type_id"), "post_processor's type_id")
        if special is None:
            if name not in ("A", "B"):
                self._note(f"post_processor has the sequence {name}, expected A or B")
            return {"Sequence": {"id": name, "type_id": type_id}}, []
        ids = _member(_member(known, name), "ids")
        if not isinstance(ids, list) or len(ids) > MOST_TEMPLATE_TOKENS:
            self._note(f"post_processor.special_tokens has no ids for '{name}', expected a list of ids")
            ids = []
        read = [self._id(token_id, f"post_processor's id of '{name}'") for token_id in ids]
        return {"SpecialToken": {"id": name, "type_id": type_id}}, read

    def _decoder(self, part: object) -> Json | None:
        if part is None or not self._expect("decoder", part, "WordPiece"):
            return None
        prefix, cleanup = self._text(part, "decoder", "prefix"), self._flag(part, "decoder", "cleanup")
        return {"type": "WordPiece", "prefix": prefix, "cleanup": cleanup}

    def _added_tokens(self, found: object) -> list[Json]:
        if not isinstance(found, list):
            self._note(f"added_tokens is {shown(found)}, expected a list")
            return []
        if len(found) > MOST_ADDED_TOKENS:
            self._note(f"added_tokens has {len(found)} tokens, expected at most {MOST_ADDED_TOKENS}")
            return []
        tokens = []
        for i, record in enumerate(found):
            where = f"added_tokens[{i}]"
            token: Json = {"id": self._id(_member(record, "id"), f"{where}.id")}
            token["content"] = self._text(record, where, "content")
            tokens.append(token | {key: self._flag(record, where, key) for key in _FLAGS})
        return tokens

    def _expect(self, name: str, part: object, kind: str) -> bool:
        if _kind(part) == kind:
            return True
        self._note(f"the tokenizer's {name} is {_kind(part)}, expected {kind}; export a BERT checkpoint")
        return False

    def _flag(self, part: object, where: str, key: str) -> bool:
        value = _member(part, key)
        if isinstance(value, bool):
            return value
        self._wrong(where, key, value, "true or false")
        return False

    def _text(self, part: object, where: str, key: str) -> str:
        value = _member(part, key)
        if isinstance(value, str):
            return value
        self._wrong(where, key, value, "a string")
        return ""

    def _id(self, value: Any, where: str) -> int:
        """An id: the tokenizers library's are of 32 bits."""
        if _is_id(value):
            return value
        self._note(f"{where} is {shown(value)}, expected an id from 0 to {_MAX_ID}")
        return 0

    def _wrong(self, where: str, key: str, value: object, expected: str) -> None:
        self._note(f"{where}.{key} is {shown(value)}, expected {expected}")

    def _note(self, problem: str) -> None:
        if len(self._problems) < MOST_SHOWN:
            self._problems.append(problem)

    def _raise(self) -> None:
        if self._problems:
            message = f"{self._name}: {'; '.join(self._problems)}"
            message = message if "; export " in message else f"{message}; export the bundle again"
            raise BundleError(Problem("bad-tokenizer", self._name, message))


def shown(value: object) -> str:
    """A value as JSON, of which the beginning if it is long."""
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "an integer of more than 64 bits"
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _member(record: object, key: str) -> Any:
    return record.get(key) if isinstance(record, dict) else None


def _kind(part: object) -> str:
    """The `type` of a part: null where the file has none."""
    kind = _member(part, "type")
    return kind if isinstance(kind, str) else "null" if part is None else shown(part)


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_id(value: object) -> TypeGuard[int]:
    return _is_whole(value) and value <= _MAX_ID
