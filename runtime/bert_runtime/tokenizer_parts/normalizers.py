"""The normalizer of a tokenizer.json."""

from __future__ import annotations

from collections.abc import Callable

from bert_runtime.tokenizer_parts.charsmap import longest_text
from bert_runtime.tokenizer_parts.fields import Fields, Json, kind, member
from bert_runtime.tokenizer_parts.limits import LONGEST_REPLACEMENT, MOST_GROWTH, MOST_PARTS

RUNS_OF_SPACES = " {2,}"
"""The only regular expression that Replace may have: what XLM-R's files do with spaces."""
FORM_GROWTH = 11
"""How many times longer the longest decomposition is than what it decomposes."""
FLAGS = ("clean_text", "handle_chinese_chars", "lowercase")


def read_normalizer(fields: Fields, part: object) -> Json | None:
    """The normalizer with the members that its kind has; None is one."""
    if part is None:
        return None
    reader = _Reader(fields)
    made = reader.read(part)
    reader.check_growth()
    return made


class _Reader:
    """Reads one normalizer after another, and keeps how much longer all of them can make a text."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._count = 0
        self._growth = 1
        self._kinds: dict[str, Callable[[object], Json]] = {
            "BertNormalizer": self._bert,
            "Lowercase": lambda _: {},
            "NFC": lambda _: {},
            "NFD": lambda _: {},
            "NFKC": lambda _: self._grown(FORM_GROWTH, {}),
            "NFKD": lambda _: self._grown(FORM_GROWTH, {}),
            "Precompiled": self._precompiled,
            "Prepend": lambda part: {"prepend": self._fields.text(part, "normalizer", "prepend", LONGEST_REPLACEMENT)},
            "Replace": self._replace,
            "Sequence": self._sequence,
            "Strip": lambda part: {k: self._fields.flag(part, "normalizer", k) for k in ("strip_left", "strip_right")},
            "StripAccents": lambda _: {},
        }

    def read(self, part: object) -> Json:
        """One of them."""
        self._count += 1
        if self._count > MOST_PARTS:
            if self._count == MOST_PARTS + 1:
                self._fields.problem(f"normalizer has more than {MOST_PARTS} parts, expected a few")
            return {}
        read = self._kinds.get(kind(part))
        if read is None:
            names = list(self._kinds)
            self._fields.unknown("normalizer", part, f"{', '.join(names[:-1])} or {names[-1]}")
            return {}
        return {"type": kind(part), **read(part)}

    def check_growth(self) -> None:
        """Note a text that could grow too much."""
        if self._growth > MOST_GROWTH:
            self._fields.problem(f"normalizer can make a text more than {MOST_GROWTH} times longer, expected less")

    def _grown(self, times: int, part: Json) -> Json:
        self._growth = min(self._growth * max(times, 1), MOST_GROWTH + 1)
        return part

    def _bert(self, part: object) -> Json:
        flags = {key: self._fields.flag(part, "normalizer", key) for key in FLAGS}
        accents = self._fields.flag(part, "normalizer", "strip_accents", usual=flags["lowercase"])
        follows = member(part, "strip_accents") is None
        return {**flags, "strip_accents": None if follows else accents}

    def _replace(self, part: object) -> Json:
        pattern, content = member(part, "pattern"), member(part, "content")
        if not isinstance(content, str) or len(content.encode()) > LONGEST_REPLACEMENT:
            expected = f"a string of at most {LONGEST_REPLACEMENT} bytes"
            self._fields.wrong("normalizer", "content", content, expected)
            return {}
        size = len(content.encode())
        if pattern == {"Regex": RUNS_OF_SPACES}:
            return self._grown((size + 1) // 2, {"pattern": pattern, "content": content})
        if not isinstance(pattern, dict) or list(pattern) != ["String"]:
            expected = '{"String": ...} or {"Regex": " {2,}"}'
            self._fields.wrong("normalizer", "pattern", pattern, expected)
            return {}
        text = self._fields.text(pattern, "normalizer.pattern", "String", LONGEST_REPLACEMENT)
        return self._grown(-(-size // len(text.encode())), {"pattern": {"String": text}, "content": content})

    def _precompiled(self, part: object) -> Json:
        encoded = self._fields.text(part, "normalizer", "precompiled_charsmap")
        longest = longest_text(encoded, LONGEST_REPLACEMENT)
        if longest is None:
            problem = "normalizer.precompiled_charsmap is no character map of SentencePiece, expected one in base64"
            self._fields.problem(problem)
        return self._grown(longest or 1, {"precompiled_charsmap": encoded})

    def _sequence(self, part: object) -> Json:
        parts = member(part, "normalizers")
        if not isinstance(parts, list):
            self._fields.wrong("normalizer", "normalizers", parts, "a list")
            return {}
        return {"normalizers": [self.read(each) for each in parts]}
