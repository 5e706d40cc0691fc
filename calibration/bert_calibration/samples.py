"""Calibration and validation data: requests as `bert-run` reads them, one JSON object a line, with or without gold.

A labelled line carries the gold beside the request's own fields:

| task | keys | value |
|---|---|---|
| question-answering | answers | accepted texts, as strings or as in SQuAD's files; an empty list: no answer |
| token-classification | entities | objects with start, end (characters) and label (without B- or I-) |
| text-classification | label | one label; several labels: a list of them; regression: a number, or one for each label |
| multiple-choice | label | the index of the right choice, from 0 |
| fill-mask | words | the vocabulary's entry behind each mask |
| next-sentence-prediction | is_next | true or false |
| pretraining | words, is_next | either or both; words of text, then of next_text |
| feature-extraction | pair, score | two lines with the same pair and score: how alike the two texts are |
| text-generation | | has no gold |
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert_calibration.batches import FEW
from bert_calibration.quality import Measure, measure_of
from bert_runtime.errors import InputError
from bert_runtime.json_record import Record
from bert_runtime.lines import Line
from bert_runtime.records import FORMATS, format_of, read_lines
from bert_runtime.tasks.request import Request
from bert_runtime.tasks.task import Encoded, Head, HeadSettings, Task
from bert_runtime.text import TextEncoder

SHOWN = 20
"""How many problems of a file are listed; the rest are counted."""

NAMED = 3
"""How many lines with the same problem are named; the rest are counted."""


@dataclass(frozen=True)
class Sample:
    """One line: its number in the file from 1, its request, and its gold (None where it has none)."""

    line: int
    request: Request
    gold: Any


@dataclass(frozen=True)
class Samples:
    """What a file holds: either every sample has a gold or none has.

    Attributes:
        path: the file.
        sha256: the digest of the whole file, for provenance.
        items: the samples, in the file's order.
        is_labelled: whether they have gold.
        warnings: sentences on what makes them weak.
    """

    path: Path
    sha256: str
    items: tuple[Sample, ...]
    is_labelled: bool
    warnings: tuple[str, ...] = ()

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests alone."""
        return tuple(sample.request for sample in self.items)

    @property
    def golds(self) -> tuple[Any, ...]:
        """The golds alone; all of them None where the samples are not labelled."""
        return tuple(sample.gold for sample in self.items)


def read_samples(
    path: Path, task: Task[Any, Any, Any], settings: HeadSettings, text: TextEncoder, limit: int | None = None
) -> Samples:
    """The samples of a JSON Lines file for the head that `task` and `settings` describe, and its tokenizer.

    With a `limit`, that many are taken at equal distances over the whole file, as files are often sorted by label or by
    source. Every line is checked all the same.

    Raises:
        InputError: the file cannot be read, is empty, labels some lines and not others, or has a line that is wrong:
            all problems, each with its line's number.
    """
    if limit is not None and limit < 1:
        raise InputError(f"the limit is {limit}, expected at least 1 sample, or none for all")
    lines, digest = _lines(path, task.request)
    measure = measure_of(task, settings)
    problems: list[str] = []
    form = _Form(task.request, measure, settings, text)
    samples = [_sample(line, form, problems) for line in lines]
    labelled = [bool(_gold_keys(line, measure)) for line in lines]
    problems += _problems_of_all(samples, labelled, measure)
    if problems:
        raise InputError(_shown(path, problems))
    chosen = _spread(samples, limit)
    return Samples(path, digest, tuple(chosen), any(labelled), tuple(_few(chosen)))


def encode(samples: Samples, head: Head[Any, Any, Any]) -> tuple[Encoded, ...]:
    """Every sample as rows of the model.

    Raises:
        InputError: what the head refuses, for example a text without a mask: all of it, with the lines' numbers.
    """
    encoded, problems = [], []
    for sample in samples.items:
        try:
            encoded.append(head.encode(sample.request))
        except InputError as error:
            problems += [f"line {sample.line}: {problem}" for problem in error.problems]
    if problems:
        raise InputError(_shown(samples.path, problems))
    return tuple(encoded)


def _lines(path: Path, request: type[Request]) -> tuple[list[Line], str]:
    """The file's lines and its SHA-256."""
    if format_of(str(path)) != "jsonl":
        known = ", ".join(FORMATS["jsonl"])
        raise InputError(f"{path}: the extension is {path.suffix}, expected {known}: gold has no place in a table")
    try:
        with path.open("rb") as stream:
            lines = list(read_lines(stream, "jsonl", request))
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a readable JSON Lines file") from error
    if not lines:
        raise InputError(f"{path}: is empty, expected one JSON object a line, such as {_example(request)}")
    return lines, digest


def _example(request: type[Request]) -> str:
    names = ", ".join(f'"{name}": …' for name in list(request.__dataclass_fields__)[:2])
    return f"{{{names}}}"


def _gold_keys(line: Line, measure: Measure[Any, Any]) -> dict[str, object]:
    content = line.content
    return {} if isinstance(content, InputError) else {key: content[key] for key in measure.keys if key in content}


@dataclass(frozen=True)
class _Form:
    """What a line is read with."""

    request: type[Request]
    measure: Measure[Any, Any]
    settings: HeadSettings
    text: TextEncoder


def _sample(line: Line, form: _Form, problems: list[str]) -> Sample | None:
    """The line's sample; None and more `problems` where it is wrong."""
    try:
        if isinstance(line.content, InputError):
            raise line.content
        gold = _gold_keys(line, form.measure)
        own = {key: value for key, value in line.content.items() if key not in gold}
        asked = form.request.from_record(own)
        return Sample(line.number, asked, _gold(gold, asked, form) if gold else None)
    except InputError as error:
        problems += [f"line {line.number}: {problem}" for problem in error.problems]
    return None


def _gold(keys: Mapping[str, object], asked: Request, form: _Form) -> Any:
    problems: list[str] = []
    gold = form.measure.read(Record(dict(keys), "", problems), asked, form.settings)
    if not problems:
        problems += form.measure.fits(gold, asked, form.text)
    if problems:
        raise InputError(problems)
    return gold


def _problems_of_all(
    samples: Sequence[Sample | None], labelled: Sequence[bool], measure: Measure[Any, Any]
) -> Iterator[str]:
    """What is wrong with the lines together: some are labelled and others are not, or golds do not fit each other."""
    if any(labelled) and not all(labelled):
        bare = [str(sample.line) for sample, has in zip(samples, labelled, strict=True) if sample and not has]
        if not bare:
            return
        some = ", ".join(bare[:SHOWN]) + (", …" if len(bare) > SHOWN else "")
        keys = " or ".join(measure.keys)
        yield (
            f"no {keys} on {len(bare)} of {len(samples)} lines ({some}), expected gold on all or on none: "
            "label these, or put them into a file of their own"
        )
    elif any(labelled) and all(samples):
        yield from measure.check([sample.gold for sample in samples if sample])


def _spread(samples: Sequence[Sample | None], limit: int | None) -> list[Sample]:
    """`limit` of the samples at equal distances."""
    kept = [sample for sample in samples if sample]
    if limit is None or limit >= len(kept):
        return kept
    return [kept[i * len(kept) // limit] for i in range(limit)]


def _few(samples: Sequence[Sample]) -> Iterator[str]:
    if len(samples) < FEW:
        yield f"{len(samples)} samples, expected {FEW} or more: ranges and metrics of so few say little; add some"


def _shown(path: Path, problems: Sequence[str]) -> list[str]:
    """The first problems with the file's name, and how many more there are; what several lines have is said once."""
    lines: dict[str, list[str]] = {}
    for problem in problems:
        line, _, what = problem.partition(": ") if problem.startswith("line ") else ("", "", problem)
        lines.setdefault(what, []).append(line.removeprefix("line "))
    listed = [f"{path}, {_of_lines(numbers)}{what}" for what, numbers in list(lines.items())[:SHOWN]]
    return listed + ([f"and {len(lines) - SHOWN} problems more"] if len(lines) > SHOWN else [])


def _of_lines(numbers: Sequence[str]) -> str:
    """Where a problem is: one line, or several."""
    if not numbers[0]:
        return ""
    if len(numbers) == 1:
        return f"line {numbers[0]}: "
    more = f" and {len(numbers) - NAMED} more" if len(numbers) > NAMED else ""
    return f"lines {', '.join(numbers[:NAMED])}{more}: "
