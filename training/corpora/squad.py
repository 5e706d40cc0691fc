"""Extractive question answering in the SQuAD format, from the SQuAD-shifts sets (Miller et al. 2020)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from training.corpora import Line
from training.registry import BIGBENCH, cache_dir, read_members

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

    @property
    def line(self) -> Line:
        """The question as a labelled sample."""
        answers = [text for text, _ in self.answers]
        return {"question": self.question, "context": self.context, "answers": answers}


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
