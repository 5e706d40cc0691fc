"""The pre-tokenizer of a tokenizer.json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bert_runtime.tokenizer_parts.fields import Fields, Json, kind, member
from bert_runtime.tokenizer_parts.limits import LONGEST_REPLACEMENT, MOST_PARTS

GPT2_PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""The only regular expression that Split may have: the one of ByteLevel."""
BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
SCHEMES = ("always", "first", "never")


def read_pre_tokenizer(fields: Fields, part: object, may_lack: bool) -> Json | None:
    """The pre-tokenizer with the members that its kind has; None is one where `may_lack`."""
    if part is None and may_lack:
        return None
    return _Reader(fields).read(part)


class _Reader:
    """Reads one pre-tokenizer after another."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._count = 0
        self._kinds: dict[str, Callable[[object], Json]] = {
            "BertPreTokenizer": lambda _: {},
            "ByteLevel": self._byte_level,
            "Digits": lambda part: {"individual_digits": self._flag(part, "individual_digits")},
            "Metaspace": lambda part: read_metaspace(self._fields, part, "pre_tokenizer"),
            "Punctuation": lambda part: {"behavior": self._behavior(part)},
            "Sequence": self._sequence,
            "Split": self._split,
            "Whitespace": lambda _: {},
            "WhitespaceSplit": lambda _: {},
        }

    def read(self, part: object) -> Json:
        """One of them."""
        self._count += 1
        if self._count > MOST_PARTS:
            if self._count == MOST_PARTS + 1:
                self._fields.problem(f"pre_tokenizer has more than {MOST_PARTS} parts, expected a few")
            return {}
        read = self._kinds.get(kind(part))
        if read is None:
            names = list(self._kinds)
            self._fields.unknown("pre_tokenizer", part, f"{', '.join(names[:-1])} or {names[-1]}")
            return {}
        return {"type": kind(part), **read(part)}

    def _flag(self, part: object, key: str, usual: bool | None = None) -> bool:
        return self._fields.flag(part, "pre_tokenizer", key, usual)

    def _byte_level(self, part: object) -> Json:
        flags = {key: self._flag(part, key) for key in ("add_prefix_space", "trim_offsets")}
        return {**flags, "use_regex": self._flag(part, "use_regex", usual=True)}

    def _behavior(self, part: object) -> Any:
        behavior = member(part, "behavior")
        if behavior not in BEHAVIORS:
            expected = f"{', '.join(BEHAVIORS[:-1])} or {BEHAVIORS[-1]}"
            self._fields.wrong("pre_tokenizer", "behavior", behavior, expected)
        return behavior

    def _split(self, part: object) -> Json:
        made = {"behavior": self._behavior(part), "invert": self._flag(part, "invert")}
        pattern = member(part, "pattern")
        if pattern == {"Regex": GPT2_PATTERN}:
            return {**made, "pattern": pattern}
        if not isinstance(pattern, dict) or list(pattern) != ["String"]:
            expected = '{"String": ...} or the regular expression of GPT-2'
            self._fields.wrong("pre_tokenizer", "pattern", pattern, expected)
            return {}
        text = self._fields.text(pattern, "pre_tokenizer.pattern", "String", LONGEST_REPLACEMENT)
        return {**made, "pattern": {"String": text}}

    def _sequence(self, part: object) -> Json:
        parts = member(part, "pretokenizers")
        if not isinstance(parts, list):
            self._fields.wrong("pre_tokenizer", "pretokenizers", parts, "a list")
            return {}
        return {"pretokenizers": [self.read(each) for each in parts]}


def read_metaspace(fields: Fields, part: object, where: str) -> Json:
    """The members of Metaspace, a pre-tokenizer and a decoder."""
    replacement = fields.text(part, where, "replacement", 4)
    if len(replacement) != 1:
        fields.wrong(where, "replacement", replacement, "one character")
    scheme = member(part, "prepend_scheme")
    scheme = "always" if scheme is None else scheme
    if scheme not in SCHEMES:
        fields.wrong(where, "prepend_scheme", scheme, "always, first or never")
    if not fields.flag(part, where, "add_prefix_space", usual=True) and scheme != "never":
        fields.problem(f"{where}.add_prefix_space is false, expected the prepend_scheme never")
    split = fields.flag(part, where, "split", usual=True)
    return {"replacement": replacement, "prepend_scheme": scheme, "split": split}
