"""The post-processor of a tokenizer.json: the tokens around texts, and how offsets are trimmed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bert_runtime.tokenizer_parts.fields import Fields, Json, kind, member
from bert_runtime.tokenizer_parts.limits import MOST_PARTS, MOST_TEMPLATE_TOKENS

WHERE = "post_processor"


def read_post_processor(fields: Fields, part: object) -> Json | None:
    """The post-processor with the members that its kind has; None is one."""
    return None if part is None else _Reader(fields).read(part)


class _Reader:
    """Reads one post-processor after another; one of them puts tokens around texts."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._count = 0
        self._has_tokens = False
        self._kinds: dict[str, Callable[[object], Json]] = {
            "BertProcessing": self._bert,
            "ByteLevel": self._byte_level,
            "RobertaProcessing": self._roberta,
            "Sequence": self._sequence,
            "TemplateProcessing": self._template,
        }

    def read(self, part: object) -> Json:
        """One of them."""
        self._count += 1
        if self._count > MOST_PARTS:
            if self._count == MOST_PARTS + 1:
                self._fields.problem(f"{WHERE} has more than {MOST_PARTS} parts, expected a few")
            return {}
        read = self._kinds.get(kind(part))
        if read is None:
            names = list(self._kinds)
            self._fields.unknown("post-processor", part, f"{', '.join(names[:-1])} or {names[-1]}")
            return {}
        made = {"type": kind(part), **read(part)}
        if kind(part) not in ("ByteLevel", "Sequence"):
            if self._has_tokens:
                self._fields.problem(f"{WHERE} puts tokens around texts twice, expected once")
            self._has_tokens = True
        return made

    def _byte_level(self, part: object) -> Json:
        flags = {key: self._fields.flag(part, WHERE, key) for key in ("add_prefix_space", "trim_offsets")}
        return {**flags, "use_regex": self._fields.flag(part, WHERE, "use_regex", usual=True)}

    def _bert(self, part: object) -> Json:
        return {key: self._special(part, key) for key in ("sep", "cls")}

    def _roberta(self, part: object) -> Json:
        return {
            **self._bert(part),
            **{k: self._fields.flag(part, WHERE, k) for k in ("trim_offsets", "add_prefix_space")},
        }

    def _special(self, part: object, key: str) -> list[Any]:
        """A list of a token and its id."""
        pair = member(part, key)
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            self._fields.wrong(WHERE, key, pair, "a token and its id")
            return ["", 0]
        return [pair[0], self._fields.id(pair[1], f"{WHERE}.{key}")]

    def _sequence(self, part: object) -> Json:
        parts = member(part, "processors")
        if not isinstance(parts, list):
            self._fields.wrong(WHERE, "processors", parts, "a list")
            return {}
        return {"processors": [self.read(each) for each in parts]}

    def _template(self, part: object) -> Json:
        used: Json = {}
        single, pair = self._elements(part, "single", used), self._elements(part, "pair", used)
        return {"single": single, "pair": pair, "special_tokens": used}

    def _elements(self, part: object, key: str, used: Json) -> list[Json]:
        """The template's `single` or `pair`; the special tokens in it are added to `used`."""
        found = member(part, key)
        if not isinstance(found, list):
            self._fields.wrong(WHERE, key, found, "a list")
            return []
        made: list[Json] = []
        tokens = 0
        for record in found:
            element, ids = self._element(record, member(part, "special_tokens"))
            made.append(element)
            if "SpecialToken" in element:
                name = element["SpecialToken"]["id"]
                used[name] = {"id": name, "ids": ids, "tokens": [name] * len(ids)}
            tokens += 1 + len(ids)
            if tokens > MOST_TEMPLATE_TOKENS:
                self._fields.problem(f"{WHERE}.{key} adds too many tokens, expected a few")
                break
        return made

    def _element(self, record: object, known: object) -> tuple[Json, list[int]]:
        """A special token of `known` with its ids, or a text."""
        special = member(record, "SpecialToken")
        part = member(record, "Sequence") if special is None else special
        name = self._fields.text(part, WHERE, "id")
        type_id = self._fields.id(member(part, "type_id"), f"{WHERE}'s type_id")
        if special is None:
            if name not in ("A", "B"):
                self._fields.problem(f"{WHERE} has the sequence {name}, expected A or B")
            return {"Sequence": {"id": name, "type_id": type_id}}, []
        ids = member(member(known, name), "ids")
        if not isinstance(ids, list) or len(ids) > MOST_TEMPLATE_TOKENS:
            self._fields.problem(f"{WHERE}.special_tokens has no ids for '{name}', expected a list of ids")
            ids = []
        read = [self._fields.id(token_id, f"{WHERE}'s id of '{name}'") for token_id in ids]
        return {"SpecialToken": {"id": name, "type_id": type_id}}, read
