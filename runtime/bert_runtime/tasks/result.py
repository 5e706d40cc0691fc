"""What every result has in common: its form as JSON."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from bert_runtime.record_writers import Json, to_json


@dataclass(frozen=True)
class Result:
    """The base of results and their parts: frozen dataclasses of numbers, texts, arrays, and tuples of such."""

    def to_dict(self) -> dict[str, Json]:
        """The object that `bert-run` prints as JSON: tuples and arrays become lists, numbers keep every digit."""
        return {field.name: to_json(getattr(self, field.name)) for field in dataclasses.fields(self)}
