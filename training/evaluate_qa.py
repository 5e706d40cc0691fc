"""Exact match and F1 of a question-answering bundle, through the runtime that users run.

    python training/evaluate_qa.py build/demo-qa --questions 1000

The questions are a seeded sample of SQuAD v1.1 dev, which the demo head was not trained on. The interval is a 95%
bootstrap over questions.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import numpy as np

import bert_runtime
import squad
from bert_runtime import QUESTION_ANSWERING
from bert_runtime.tasks.question_answering import QuestionAnsweringRequest


def measure(bundle: Path, items: list[squad.Question]) -> dict[str, object]:
    """The metrics in percent, each with its interval."""
    requests = (QuestionAnsweringRequest(item.question, item.context) for item in items)
    with bert_runtime.load(bundle, QUESTION_ANSWERING) as session:
        predictions = [result.answers[0].text for result in session.predict(requests)]
    golds = [[text for text, _ in item.answers] for item in items]
    pairs = list(zip(predictions, golds, strict=True))
    scores = np.array([(squad.exact_match(p, g), squad.f1(p, g)) for p, g in pairs]) * 100
    random_rows = np.random.default_rng(0).integers(0, len(scores), (2000, len(scores)))
    low, high = np.percentile(scores[random_rows].mean(axis=1), [2.5, 97.5], axis=0)
    return {
        "questions": len(items),
        "exact_match": round(float(scores[:, 0].mean()), 2),
        "exact_match_interval": [round(float(low[0]), 2), round(float(high[0]), 2)],
        "f1": round(float(scores[:, 1].mean()), 2),
        "f1_interval": [round(float(low[1]), 2), round(float(high[1]), 2)],
    }


def main() -> None:
    """Print the metrics as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    items = random.Random(arguments.seed).sample(squad.load("squad-dev"), arguments.questions)
    print(json.dumps(measure(arguments.bundle, items), indent=2))


if __name__ == "__main__":
    main()
