"""A samples file is read whole or refused with every problem and its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.calibration.conftest import golden_text

from bert_calibration.samples import SHOWN, Samples, encode, read_samples
from bert_runtime.errors import InputError
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import Encoded, Features, Head, HeadSettings
from bert_runtime.text import TextEncoder

SENTIMENT = HeadSettings(labels=("negative", "positive"), problem_type="single_label_classification")
TOPICS = HeadSettings(labels=("art", "sport", "war"), problem_type="multi_label_classification")
RELEVANCE = HeadSettings(labels=("LABEL_0",), problem_type="single_label_classification", activation="sigmoid")
RATING = HeadSettings(labels=("stars",), problem_type="regression")
NAMES = HeadSettings(labels=("O", "B-PER", "I-PER", "B-LOC", "I-LOC"))
NONE = HeadSettings()


def samples_of(
    folder: Path,
    task: str,
    settings: HeadSettings,
    lines: list[Any],
    limit: int | None = None,
    own: TextEncoder | None = None,
) -> Samples:
    """The samples of a file with these lines; strings are written as they are."""
    path = folder / "data.jsonl"
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")
    return read_samples(path, find_task(task), settings, own or golden_text(), limit)


def problems_of(folder: Path, task: str, settings: HeadSettings, lines: list[Any]) -> list[str]:
    """What is said about a file, without its name."""
    with pytest.raises(InputError) as caught:
        samples_of(folder, task, settings, lines)
    return [problem.removeprefix(f"{folder / 'data.jsonl'}, ") for problem in caught.value.problems]


GOLDS = [
    ("question-answering", NONE, {"question": "q", "context": "c", "answers": ["a", "b"]}, ("a", "b")),
    ("question-answering", NONE, {"question": "q", "context": "c", "answers": []}, ()),
    ("question-answering", NONE, {"question": "q", "context": "c", "answers": [{"text": "a", "x": 1}]}, ("a",)),
    ("question-answering", NONE, {"question": "q", "context": "c", "answers": {"text": ["a"]}}, ("a",)),
    (
        "token-classification",
        NAMES,
        {"text": "Ada!", "entities": [{"start": 0, "end": 3, "label": "PER"}]},
        frozenset({("PER", 0, 3)}),
    ),
    ("token-classification", NAMES, {"text": "", "entities": []}, frozenset()),
    ("text-classification", SENTIMENT, {"text": "t", "label": "positive"}, "positive"),
    ("text-classification", TOPICS, {"text": "t", "label": ["war", "art"]}, frozenset({"war", "art"})),
    ("text-classification", TOPICS, {"text": "t", "label": []}, frozenset()),
    ("text-classification", RATING, {"text": "t", "label": 4}, (4.0,)),
    ("text-classification", RELEVANCE, {"text": "q", "text_pair": "p", "label": 1}, 1.0),
    ("text-classification", RELEVANCE, {"text": "q", "text_pair": "p", "label": 0.25}, 0.25),
    ("text-classification", RELEVANCE, {"text": "q", "text_pair": "p", "label": False}, 0.0),
    ("multiple-choice", NONE, {"prompt": "p", "choices": ["a", "b"], "label": 1}, 1),
    ("fill-mask", NONE, {"text": "[MASK] and [MASK]", "words": ["you", "me"]}, ("you", "me")),
    ("next-sentence-prediction", NONE, {"text": "a", "next_text": "b", "is_next": False}, False),
]


@pytest.mark.parametrize(("task", "settings", "line", "gold"), GOLDS)
def test_the_gold_of_each_head_is_read(
    task: str, settings: HeadSettings, line: dict[str, Any], gold: object, tmp_path: Path
) -> None:
    samples = samples_of(tmp_path, task, settings, [line])

    assert samples.golds == (gold,)
    assert samples.is_labelled


def test_words_are_counted_by_the_tokenizers_own_mask(tmp_path: Path) -> None:
    own = golden_text(MASK="<mask>")
    line = {"text": "the <mask> a <mask>", "words": ["film", "good"]}
    assert samples_of(tmp_path, "fill-mask", NONE, [line], own=own).golds == (("film", "good"),)
    both = {"text": "<mask>", "next_text": "a<mask> <mask>", "words": ["a", "b", "c"]}
    assert samples_of(tmp_path, "pretraining", NONE, [both], own=own).golds[0].words == ("a", "b", "c")
    for task, words in (("fill-mask", 1), ("pretraining", 2)):
        with pytest.raises(InputError, match=f"words has {words} strings, expected 0: one for each <mask>"):
            samples_of(tmp_path, task, NONE, [{"text": "the [MASK]", "words": ["a"] * words}], own=own)


def test_gold_of_pretraining_may_be_half_of_it(tmp_path: Path) -> None:
    both = {"text": "[MASK]", "next_text": "[MASK]", "words": ["a", "b"], "is_next": True}
    golds = samples_of(tmp_path, "pretraining", NONE, [both, {"text": "[MASK]", "words": ["a"]}]).golds

    assert [(gold.words, gold.is_next) for gold in golds] == [(("a", "b"), True), (("a",), None)]


def test_pairs_of_sentences_share_a_score(tmp_path: Path) -> None:
    lines = [{"text": text, "pair": 7, "score": 2.5} for text in "ab"]

    assert [gold.score for gold in samples_of(tmp_path, "feature-extraction", NONE, lines).golds] == [2.5, 2.5]


MISTAKES = [
    ("text-classification", SENTIMENT, {"text": "t", "label": "good"}, "label is the string 'good', expected one of"),
    ("text-classification", SENTIMENT, {"text": "t", "label": None}, "label is null, expected one of negative, positi"),
    (
        "text-classification",
        TOPICS,
        {"text": "t", "label": "war"},
        "label is the string 'war', expected a list of labe",
    ),
    (
        "text-classification",
        TOPICS,
        {"text": "t", "label": ["wa"]},
        "label is a list, expected a list of labels out of",
    ),
    ("text-classification", RATING, {"text": "t", "label": True}, "label is the boolean True, expected a number"),
    ("text-classification", SENTIMENT, {"text": "t", "gold": "positive"}, "unknown field 'gold'; the fields are text,"),
    ("multiple-choice", NONE, {"prompt": "p", "choices": ["a"], "label": 1}, "expected an integer of 0 to 0"),
    (
        "fill-mask",
        NONE,
        {"text": "[MASK]", "words": []},
        "words has 0 strings, expected 1: one for each [MASK] of the text",
    ),
    ("question-answering", NONE, {"question": "q", "context": "c", "answers": "a"}, "answers is the string 'a', expec"),
    ("next-sentence-prediction", NONE, {"text": "a", "next_text": "b", "is_next": 1}, "expected true or false"),
    ("pretraining", NONE, {"text": "a", "is_next": True}, "is_next is given without a next_text"),
    ("feature-extraction", NONE, {"text": "a", "pair": 1}, "score is missing, expected a number"),
]


@pytest.mark.parametrize(("task", "settings", "line", "message"), MISTAKES)
def test_a_wrong_gold_is_named_with_what_was_expected(
    task: str, settings: HeadSettings, line: dict[str, Any], message: str, tmp_path: Path
) -> None:
    [problem] = problems_of(tmp_path, task, settings, [line])

    assert problem.startswith("line 1: ")
    assert message in problem


def test_entities_outside_the_text_of_unknown_labels_or_of_tokens_are_refused(tmp_path: Path) -> None:
    line = {
        "text": "Ada",
        "aggregation": "none",
        "entities": [{"start": 0, "end": 4, "label": "B-PER"}, {"start": 2, "end": 2, "label": "PER"}],
    }

    assert problems_of(tmp_path, "token-classification", NAMES, [line]) == [
        "line 1: aggregation is none, expected simple, first, average or max: gold entities are whole, not tokens",
        "line 1: entities[0].end is the number 4, expected an integer of 1 to 3",
        "line 1: entities[0].label is the string 'B-PER', expected one of O, PER, LOC",
        "line 1: entities[1].end is the number 2, expected an integer of 3 to 3",
    ]


def test_every_problem_of_every_line_is_told_at_once(tmp_path: Path) -> None:
    lines = [{"text": "t", "label": "positive"}, "nope", "", {"text": 3, "label": "x", "stars": 1}, {"text": "bare"}]

    assert problems_of(tmp_path, "text-classification", SENTIMENT, lines) == [
        "line 2: not JSON: Expecting value: line 1 column 1 (char 0); expected one JSON object a line",
        "line 4: unknown field 'stars'; the fields are text, text_pair, top_k, threshold, activation",
        "line 4: text is 3 (int), expected a string",
        "no label on 1 of 4 lines (5), expected gold on all or on none: label these, or put them into a file of their "
        "own",
    ]


def test_so_many_problems_that_nobody_reads_them_are_counted(tmp_path: Path) -> None:
    lines = [{"text": "t", f"key{i}": 1} for i in range(50)]
    problems = problems_of(tmp_path, "text-classification", SENTIMENT, lines)

    assert len(problems) == SHOWN + 1
    assert problems[-1] == "and 30 problems more"


def test_what_many_lines_have_is_said_once(tmp_path: Path) -> None:
    lines = [{"text": "t"}, *[{"context": "c"}] * 50]

    assert problems_of(tmp_path, "text-classification", SENTIMENT, lines) == [
        f"lines 2, 3, 4 and 47 more: {what}; the fields are text, text_pair, top_k, threshold, activation"
        for what in ("unknown field 'context'", "missing field 'text'")
    ]


def test_a_pair_needs_two_lines_and_one_score(tmp_path: Path) -> None:
    lines = [("a", 1), ("b", 1), ("b", 2)]
    records = [{"text": "t", "pair": pair, "score": score} for pair, score in lines]

    assert problems_of(tmp_path, "feature-extraction", NONE, records) == [
        "the pair 'a' stands on 1 lines, expected 2",
        "the pair 'b' has two scores, expected one",
    ]


def test_an_empty_file_says_what_a_line_looks_like(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("\n \n", encoding="utf-8")
    with pytest.raises(InputError, match=r'is empty, expected one JSON object a line, such as {"question": …, "cont'):
        read_samples(path, find_task("qa"), NONE, golden_text())


def test_a_file_that_is_missing_or_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory; expected a readable JSON Lines file"):
        read_samples(tmp_path / "none.jsonl", find_task("qa"), NONE, golden_text())
    with pytest.raises(InputError, match=r"the extension is \.csv, expected \.jsonl, \.ndjson: gold has no place"):
        read_samples(tmp_path / "data.csv", find_task("qa"), NONE, golden_text())


def test_unlabelled_lines_are_samples_without_gold(tmp_path: Path) -> None:
    samples = samples_of(tmp_path, "text-classification", SENTIMENT, [{"text": str(i)} for i in range(40)])

    assert not samples.is_labelled
    assert samples.golds == (None,) * 40
    assert samples.warnings == ()
    assert samples.requests[39] == find_task("text-classification").request(text="39")


def test_fewer_than_32_samples_are_a_warning_also_where_the_limit_makes_them_few(tmp_path: Path) -> None:
    lines = [{"text": str(i)} for i in range(40)]
    [warning] = samples_of(tmp_path, "text-classification", SENTIMENT, lines, limit=31).warnings

    assert warning.startswith("31 samples, expected 32 or more")
    assert samples_of(tmp_path, "text-classification", SENTIMENT, lines, limit=32).warnings == ()


def test_a_limit_takes_samples_from_the_whole_file(tmp_path: Path) -> None:
    lines = [{"text": str(i)} for i in range(100)]
    samples = samples_of(tmp_path, "text-classification", SENTIMENT, lines, limit=4)

    assert [sample.line for sample in samples.items] == [1, 26, 51, 76]
    with pytest.raises(InputError, match="the limit is 0, expected at least 1 sample"):
        samples_of(tmp_path, "text-classification", SENTIMENT, lines, limit=0)


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    first = samples_of(tmp_path, "text-classification", SENTIMENT, [{"text": "a"}]).sha256
    again = samples_of(tmp_path, "text-classification", SENTIMENT, [{"text": "a"}]).sha256
    other = samples_of(tmp_path, "text-classification", SENTIMENT, [{"text": "b"}]).sha256

    assert first == again != other


class LengthHead(Head[Any, Encoded, None]):
    """Encodes a text of n digits as n tokens, and refuses what holds no digit."""

    def __init__(self) -> None:
        """No tokenizer is needed."""

    def encode(self, request: Any) -> Encoded:
        """One row."""
        if not request.text.isdigit():
            raise InputError("no digits")
        ids = np.zeros(len(request.text), dtype=np.int64)
        return Encoded((Features(ids, ids, ids),))

    def decode(self, request: Any, encoded: Encoded, outputs: Any) -> None:
        """Nothing."""


def test_what_the_head_refuses_is_told_with_its_line(tmp_path: Path) -> None:
    lines = [{"text": text} for text in ("1", "a", "2", "b")]
    samples = samples_of(tmp_path, "text-classification", SENTIMENT, lines)
    with pytest.raises(InputError) as caught:
        encode(samples, LengthHead())

    assert [problem.partition(", ")[2] for problem in caught.value.problems] == ["lines 2, 4: no digits"]
