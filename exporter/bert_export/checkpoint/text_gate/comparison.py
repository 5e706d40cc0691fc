"""Compares the rows of the checkpoint's own tokenizer with the runtime's, and with those that other tools would get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from bert_calibration.owned_folder import scratch_folder
from bert_export.checkpoint.findings import reading
from bert_export.checkpoint.text_gate.rows import (
    Row,
    as_sentence_transformers,
    rows_of_runtime,
    rows_of_transformers,
)
from bert_export.checkpoint.text_gate.texts import Texts, stress_texts
from bert_export.checkpoint.tokenizer import ReadTokenizer
from bert_export.errors import CheckpointError
from bert_runtime.errors import BertError

if TYPE_CHECKING:
    from transformers import TokenizersBackend

SHOWN = 12
"""Tokens of a row in a message."""
TOLD = 3
"""Texts in a message."""
ADVICE = (
    "No bundle was written: the checkpoint has a setting that the bundle does not carry. Save its tokenizer anew with "
    "AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR), look at the ids, and report the checkpoint"
)


@dataclass(frozen=True)
class TextGateReport:
    """What the text gate compared.

    Attributes:
        tokenizer: the class of transformers that the checkpoint's own tokenizer has.
        texts, pairs: how many were encoded by it, by the runtime and by AutoTokenizer on the bundle, to equal rows.
        longest: the maximum length, which some of the texts exceeded.
        left_out: of these texts, those with tokens for which the model has no embedding.
    """

    tokenizer: str
    texts: int
    pairs: int
    longest: int
    left_out: int = 0


def prove_same_ids(
    read: ReadTokenizer, embeddings: int, types: int, files: Mapping[str, str], examples: Sequence[Mapping[str, Any]]
) -> TextGateReport:
    """Encode texts with the checkpoint's own tokenizer, with the runtime's, and with AutoTokenizer on the bundle.

    Args:
        read: the tokenizer for the bundle, and the checkpoint's own.
        embeddings: for how many ids the model has an embedding: it cannot be asked about texts with others.
        types: how many token types it has.
        files: the bundle's files that AutoTokenizer reads, name -> content.
        examples: the task's, with which the parity gate compares answers.

    Raises:
        CheckpointError: a text has other ids, types or another end; the first texts and both rows are shown.
    """
    own = as_sentence_transformers(read.own) if read.sentence.lower_case else read.own
    texts = stress_texts(own.get_vocab(), _added(own), read.file.max_length, examples)
    longest = read.file.max_length
    expected = rows_of_transformers(own, texts, longest, types)
    askable = [i for i, row in enumerate(expected) if max(row.ids) < embeddings]
    try:
        got = rows_of_runtime(read.file.encoder(), texts)
    except BertError as error:
        raise CheckpointError(
            f"the bundle's tokenizer fails where the checkpoint's does not: {error}. {ADVICE}"
        ) from error
    _compare(own, texts, askable, expected, got, "the bundle's tokenizer")
    other = rows_of_transformers(_reloaded(files), texts, longest, types)
    _compare(own, texts, askable, expected, other, "AutoTokenizer on the bundle")
    return TextGateReport(read.file.kind, len(texts.singles), len(texts.pairs), longest, len(expected) - len(askable))


def _added(own: TokenizersBackend) -> list[str]:
    """Special tokens first."""
    tokens = sorted(own.added_tokens_decoder.items(), key=lambda item: (not item[1].special, item[0]))
    return [token.content for _, token in tokens]


def _reloaded(files: Mapping[str, str]) -> TokenizersBackend:
    """What other tools load from the bundle."""
    from transformers import AutoTokenizer  # noqa: PLC0415 - seconds

    with scratch_folder() as folder, reading("the bundle's tokenizer", ADVICE):
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
        loaded = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    return cast("TokenizersBackend", loaded)  # as the bundle's tokenizer_class says


def _compare(
    own: TokenizersBackend, texts: Texts, askable: Sequence[int], expected: Sequence[Row], got: Sequence[Row], who: str
) -> None:
    """Raise CheckpointError with the first texts whose rows differ."""
    different = [i for i in askable if expected[i] != got[i]]
    if not different:
        return
    inputs: list[Any] = [*texts.singles, *texts.pairs]
    report = "; ".join(_difference(own, inputs[i], expected[i], got[i]) for i in different[:TOLD])
    raise CheckpointError(
        f"{who} does not give the tokens of the checkpoint's own ({type(own).__name__} of transformers) for "
        f"{len(different)} of {len(askable)} texts: {report}. {ADVICE}"
    )


def _difference(own: TokenizersBackend, text: Any, expected: Row, got: Row) -> str:
    """One text and both rows from the first difference on."""
    shown = " + ".join(_shortened(each) for each in (text if isinstance(text, tuple) else (text,)))
    if expected.ids == got.ids:
        if expected.type_ids != got.type_ids:
            return f"{shown} has the types {_around(expected.type_ids, got.type_ids)}"
        return f"{shown} has tokens at the characters {_around(expected.offsets, got.offsets)}"
    pieces: list[list[str]] = [[str(own.convert_ids_to_tokens(i)) for i in row.ids] for row in (expected, got)]
    return f"{shown} has the tokens {_around(*pieces)}"


def _around(expected: Sequence[Any], got: Sequence[Any]) -> str:
    """Both rows from shortly before their first difference, `SHOWN` entries of each."""
    same = next((i for i, pair in enumerate(zip(expected, got, strict=False)) if pair[0] != pair[1]), None)
    first = min(len(expected), len(got)) if same is None else same
    start = max(0, first - 2)
    sides = [" ".join(str(each)[:20] for each in row[start : start + SHOWN]) for row in (expected, got)]
    return f"(from {start}) {sides[0]!r}, expected of the checkpoint, against {sides[1]!r}"


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
