"""Extractive question answering in the SQuAD format: reading it, and the official exact match and F1."""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from dataclasses import dataclass

from registry import BIGBENCH, cache_dir, read_members

_FOLDER = "bigbench-1.0.0/bigbench/benchmark_tasks/squad_shifts"
FILES = {
    "squad-dev": "squaddev_v1.1.json",
    "new-wiki": "new_wiki_v1.0.json",
    "nyt": "nyt_v1.0.json",
    "reddit": "reddit_v1.0.json",
    "amazon": "amazon_reviews_v1.0.json",
}


@dataclass(frozen=True)
class Question:
    """One question over one context; `answers` are (text, first character) pairs, one per annotator."""

    id: str
    question: str
    context: str
    answers: tuple[tuple[str, int], ...]


def load(name: str) -> list[Question]:
    """Every question of one of `FILES`, in the file's order; a copy of the file is kept in the download cache."""
    cached = cache_dir() / FILES[name]
    if not cached.exists():
        members = {f"{_FOLDER}/{file}": file for file in FILES.values()}
        for member, content in read_members(BIGBENCH, list(members)).items():
            (cache_dir() / members[member]).write_bytes(content)
    questions = []
    for article in json.loads(cached.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            for item in paragraph["qas"]:
                answers = tuple((answer["text"], int(answer["answer_start"])) for answer in item["answers"])
                questions.append(Question(str(item["id"]), item["question"], paragraph["context"], answers))
    return questions


def normalize(text: str) -> str:
    """Lower case without punctuation, articles and repeated spaces (SQuAD v1.1 evaluation, Rajpurkar et al. 2016)."""
    text = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def exact_match(prediction: str, answers: list[str]) -> float:
    """1.0 when the normalised prediction equals one of the normalised answers."""
    return float(any(normalize(prediction) == normalize(answer) for answer in answers))


def f1(prediction: str, answers: list[str]) -> float:
    """The best token F1 of the prediction against any one answer."""
    return max(_f1(normalize(prediction).split(), normalize(answer).split()) for answer in answers)


def _f1(prediction: list[str], answer: list[str]) -> float:
    shared = sum((Counter(prediction) & Counter(answer)).values())
    if shared == 0:
        return 0.0
    precision, recall = shared / len(prediction), shared / len(answer)
    return 2 * precision * recall / (precision + recall)
