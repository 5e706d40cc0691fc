"""What the parity gate says that its comparisons prove."""

from __future__ import annotations

from bert_export.tolerances import Tolerance
from bert_export.verify.report import Check
from bert_export.verify.verdict import verdict_of

SWEEP = (Check("length 2", 20, 1e-6), Check("length 33", 5, 1e-5))
HALF = Tolerance(1e-3, 0.02)


def test_it_says_how_many_texts_and_inputs_were_compared() -> None:
    texts = Check("real texts", 9, 1e-6, 9, 8)
    assert verdict_of((texts, *SWEEP), Tolerance(1e-4)) == (
        "outputs differ from torch's by at most 0.0001, on 8 different real texts and 25 generated inputs; "
        "9 of 9 answers the same"
    )


def test_half_precision_proves_no_answers_to_other_texts() -> None:
    """No other answer in 8 texts leaves 1 - 0.025 ** (1 / 8) = 37% possible; one of 8 leaves 53%."""
    told = verdict_of((Check("real texts", 8, 1e-3, 8, 8), *SWEEP), HALF)
    assert told.endswith("; accuracy not proven: up to 37% of other texts may get another answer (95% confidence)")
    assert "up to 53% of other texts" in verdict_of((Check("real texts", 8, 1e-3, 7, 8),), HALF)


def test_texts_that_are_equal_to_the_model_count_once() -> None:
    told = verdict_of((Check("real texts", 8, 1e-3, 8, 1),), HALF)
    assert "on 1 different real texts; 8 of 8 answers the same" in told
    assert "up to 97% of other texts" in told


def test_where_no_text_could_be_asked_it_says_so() -> None:
    told = verdict_of((Check("real texts", 0, 0.0, 0, 0), *SWEEP), HALF)
    assert told.endswith("accuracy not proven: no answer was compared")
